"""Range coding with integer frequencies: a thin wrapper over `constriction`'s queue coder.

The coder has 64 bits of state, emits 32-bit words and works on probabilities of 24 bits. `constriction` takes
floats, gives each of the N symbols one part of 2^24 and spreads the rest in proportion. Weights of 256 f - 1
sum to 2^24 - N when the f sum to 2^16: the rest is then spread with a factor of exactly 1, every float in the
calculation is an integer below 2^24, and each symbol has the probability 256 f / 2^24 on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import constriction
import numpy as np

from nac_cli.entropy.frequencies import TOTAL, TOTAL_BITS
from nac_cli.errors import CorruptStream

Categorical: TypeAlias = constriction.stream.model.Categorical
RangeDecoder = constriction.stream.queue.RangeDecoder
RangeEncoder = constriction.stream.queue.RangeEncoder

FAMILY = Categorical(perfect=False)
"""Takes a table for every symbol, with the same arithmetic."""
POINT_BITS = 24
"""Bits of the coder's probabilities."""
SPARE_BITS = 24 - TOTAL_BITS
PART = 1 << SPARE_BITS
"""One part in 65536, in units of the coder's probabilities."""
WORD = np.dtype("<u4")
WORD_BITS = 32


def categorical(frequencies: np.ndarray) -> Categorical:
    """The coder's model for a frequency table, integer `[N]`, every entry >= 1, sum 65536, N >= 2."""
    return Categorical(256.0 * frequencies - 1.0, perfect=False)


def encode(runs: Sequence[np.ndarray], models: Sequence[Categorical]) -> bytes:
    """One stream of all `runs` (int32 `[n]` each, of symbols that `models[i]` knows), in order.

    No symbol at all gives no byte; otherwise the stream is at most 64 bits longer than its information.
    """
    encoder = RangeEncoder()
    for symbols, model in zip(runs, models, strict=True):
        encoder.encode(symbols, model)
    return encoder.get_compressed().astype(WORD).tobytes()


def decode(data: bytes, lengths: Sequence[int], models: Sequence[Categorical]) -> list[np.ndarray]:
    """Inverse of `encode`: runs of the given `lengths`, int32.

    A range decoder makes symbols of any bytes, and of missing ones. So the runs are encoded again (20 times
    faster than decoding) and must give `data`. Raises `CorruptStream` if they do not.
    """
    if len(data) % WORD.itemsize:
        raise CorruptStream(f"range coder: {len(data)} bytes are no whole number of 32-bit words")
    decoder = RangeDecoder(np.frombuffer(data, WORD).astype(np.uint32))
    try:
        runs = [decoder.decode(model, length) for length, model in zip(lengths, models, strict=True)]
    except AssertionError as error:  # what constriction raises on a point outside of its range
        raise CorruptStream("range coder: the words encode no symbol") from error
    if encode(runs, models) != data:
        raise CorruptStream("range coder: the words are not the ones that encode these symbols")
    return runs


def encode_intervals(starts: np.ndarray, widths: np.ndarray) -> bytes:
    """One stream of symbols of which only the intervals are known, in order.

    A symbol with frequency `widths[i]` (1..65535) has `starts[i]` before it in its table: the words are those
    that the full tables would give, as a range coder looks at nothing else. Here every table has three symbols,
    the one that counts and what lies beside it. Where nothing lies below (or above) it, the other side is
    divided, since no symbol may be empty.
    """
    widths = PART * widths
    below = PART * starts
    above = (1 << 24) - below - widths
    first = np.stack([widths, above - 1, np.ones_like(above)], axis=-1)
    middle = np.stack([below, widths, above], axis=-1)
    last = np.stack([np.ones_like(below), below - 1, widths], axis=-1)
    symbols = np.where(below == 0, 0, np.where(above == 0, 2, 1)).astype(np.int32)
    parts = np.choose(symbols[:, None], [first, middle, last])
    encoder = RangeEncoder()
    encoder.encode(symbols, FAMILY, parts - 1.0)
    return encoder.get_compressed().astype(WORD).tobytes()


@dataclass(frozen=True)
class Decoded:
    """Symbols int64 `[n]`, and the interval of each in its table, as `encode_intervals` takes them."""

    symbols: np.ndarray
    starts: np.ndarray
    widths: np.ndarray


class TableDecoders:
    """Symbols out of many streams side by side, each by a table of its own that may depend on those before.

    `constriction`'s range decoder (format_spec.md, section 8.4) in arrays of one entry a stream: unsigned 64-bit
    integers, modulo 2^64. It makes symbols of any bytes: the caller encodes them again, as `decode` does, and
    compares. `failed` `[streams]` tells which can be given up, `error` says why; their symbols mean nothing.
    """

    def __init__(self, streams: Sequence[bytes]) -> None:
        self._odd = [len(stream) % WORD.itemsize for stream in streams]
        words = [np.frombuffer(b"" if odd else stream, WORD) for stream, odd in zip(streams, self._odd)]
        sizes = np.array([part.size for part in words], np.int64)
        # the last word is what lies behind the end of each
        self._words = np.concatenate([*words, np.zeros(1, WORD)]).astype(np.uint64)
        self._ends = np.cumsum(sizes)
        self._next = self._ends - sizes
        self._outside, self._short = np.zeros((2, sizes.size), bool)
        self._lower, self._range, self._point = np.zeros((3, sizes.size), np.uint64)
        for _ in range(2):
            self._shift_in(np.arange(sizes.size))
        self._range[:] = 2**64 - 1

    def decode(self, rows: np.ndarray, tables: np.ndarray) -> Decoded:
        """The next symbols of streams `rows` `[n]`, ascending; `tables` int64 `[n, N]` each sum to 65536."""
        below = np.arange(len(rows)) << TOTAL_BITS  # of whole tables
        scale = self._range[rows] >> POINT_BITS
        quantiles = (self._point[rows] - self._lower[rows]) // scale
        self._outside[rows] |= quantiles >= 1 << POINT_BITS
        targets = np.minimum(quantiles >> SPARE_BITS, TOTAL - 1).astype(np.int64)
        # all tables in a row make one that rises throughout
        ends = tables.ravel().cumsum()
        positions = ends.searchsorted(targets + below, side="right")
        widths = tables.ravel()[positions]
        starts = ends[positions] - widths - below
        self._lower[rows] += scale * (starts << SPARE_BITS).astype(np.uint64)
        ranges = scale * (widths << SPARE_BITS).astype(np.uint64)
        self._range[rows] = ranges
        self._shift_in(rows[ranges < 1 << WORD_BITS])
        # an encoder would have put out a word for each but the first two that came in, and one at least at the end
        self._short[rows] |= self._next[rows] - 2 >= self._ends[rows]
        return Decoded(positions - np.arange(len(rows)) * tables.shape[1], starts, widths)

    @property
    def failed(self) -> np.ndarray:
        return self._outside | self._short

    def error(self, row: int) -> CorruptStream | None:
        return stream_error(bool(self._odd[row]), bool(self._outside[row]), bool(self._short[row]))

    def _shift_in(self, rows: np.ndarray) -> None:
        """The next word of each of `rows`."""
        following = self._next[rows]
        words = self._words[np.where(following < self._ends[rows], following, -1)]
        self._next[rows] = following + 1
        self._point[rows] = (self._point[rows] << WORD_BITS) | words
        self._lower[rows] <<= WORD_BITS
        self._range[rows] <<= WORD_BITS


def stream_error(odd: bool, outside: bool, short: bool) -> CorruptStream | None:
    """The fault of a stream: a part of a word, words that encode no symbol, too few words, or nothing."""
    if odd:
        return CorruptStream("range coder: the bytes are no whole number of 32-bit words")
    if outside:
        return CorruptStream("range coder: the words encode no symbol")
    if short:
        return CorruptStream("range coder: there are too few words for the symbols")
    return None
