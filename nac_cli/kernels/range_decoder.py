"""The range decoder of format_spec.md, section 8.4, for one stream of many; see `entropy.coder.TableDecoders`."""

from __future__ import annotations

import numpy as np

from nac_cli.kernels.compiling import helper

STREAMS = "uint64[:, ::1], int64[:, ::1], uint32[::1]"
"""`coder`, `places` and all words, as numba calls them."""

LOWER, RANGE, POINT = range(3)
"""Columns of `coder`, uint64 `[n, 3]`."""
NEXT, END = range(2)
"""Columns of `places`, int64 `[n, 2]`: of the words of a stream."""
OUTSIDE, SHORT = 1, 2
"""Values of `failed`, uint8 `[n]`, for words that encode no symbol, and of too few."""


@helper(f"void({STREAMS}, int64)")
def shift_in(coder, places, words, row):
    """The next word of stream `row`; zero behind its end."""
    word = np.uint64(words[places[row, NEXT]]) if places[row, NEXT] < places[row, END] else np.uint64(0)
    places[row, NEXT] += 1
    coder[row, POINT] = coder[row, POINT] << np.uint64(32) | word
    coder[row, LOWER] = coder[row, LOWER] << np.uint64(32)
    coder[row, RANGE] = coder[row, RANGE] << np.uint64(32)


@helper(f"void({STREAMS}, int64)")
def start(coder, places, words, row):
    for _ in range(2):
        shift_in(coder, places, words, row)
    coder[row, RANGE] = np.uint64(0xFFFFFFFFFFFFFFFF)


@helper(f"UniTuple(int64, 3)({STREAMS}, uint8[::1], int64, int32[::1], int64)")
def next_symbol(coder, places, words, failed, row, table, size):
    """The next symbol of stream `row` by `table`, and the start and the width of its interval."""
    scale = coder[row, RANGE] >> np.uint64(24)
    quantile = (coder[row, POINT] - coder[row, LOWER]) // scale
    if quantile >= np.uint64(1 << 24):
        failed[row] |= OUTSIDE
    place = np.int64(quantile >> np.uint64(8))
    target = place if place < 65535 else 65535
    symbol, end = 0, np.int64(table[0])
    while end <= target and symbol + 1 < size:
        symbol += 1
        end += table[symbol]
    width = np.int64(table[symbol])
    coder[row, LOWER] += scale * (np.uint64(end - width) << np.uint64(8))
    coder[row, RANGE] = scale * (np.uint64(width) << np.uint64(8))
    if coder[row, RANGE] < np.uint64(1 << 32):
        shift_in(coder, places, words, row)
    # an encoder would have put out a word for each but the first two that came in, and one at least at the end
    if places[row, NEXT] - 2 >= places[row, END]:
        failed[row] |= SHORT
    return symbol, end - width, width
