"""The contexts of a chunk's levels: what a level is predicted from, and the loop over all of them.

A level (a quantised coefficient) is coded as: is it zero, is it one, is it two .. by mixed predictions; sixteen and
more by Exp-Golomb bits; then its sign, which nothing predicts. Its neighbours tell how large it is likely to be: the
lines below it in its block, the lines around it in the two blocks before, brought to the block's own length. Sixteen
lines with nothing around them are first coded as one: are they all zero?
"""

from __future__ import annotations

from nac_cli.kernels.compiling import helper, kernel
from nac_cli.kernels.detail.fields import CODER, DECODE, LEVELS, MODEL, NUMBERS, TABLE
from nac_cli.kernels.detail.range_coder import bit_length, code_bits, code_mixed
from nac_cli.kernels.detail.regrid import begin_block, end_block

GROUP = 16
"""Lines that are coded as one where all is quiet."""
UNARY = 16
"""Levels from here on have Exp-Golomb bits."""
ESCAPE_BITS = 14
"""The most bits after the first one in them: levels end at 15 + 2^15 - 1, `detail_layer.MOST_LEVEL`."""
QUIET, ZERO, ONE, MORE = range(4)
"""The questions."""
INPUTS = (2, 7, 6, 3)
ROWS = (0, 1, 17, 33, 49)
"""The first row of weights of each question; all but the first have a row for each of 16 activities."""
PLACES = (0, 352, 4096, 8192, 9536)
"""The first entry of each question, and the number of all."""


@helper(f"int64({CODER}, int64, float64[::1])")
def code_escape(task, state, data, value, bits):
    """A level of 16 and more: its excess over 15 in Exp-Golomb bits."""
    excess = value - UNARY + 1
    wanted = bit_length(excess) - 1
    length = 0
    while length < ESCAPE_BITS and code_bits(task, state, data, 1 if wanted > length else 0, 1, bits):
        length += 1
    return UNARY - 1 + (1 << length) + code_bits(task, state, data, excess & ((1 << length) - 1), length, bits)


@kernel(f"void({CODER}, {LEVELS}, {NUMBERS}, int64, {MODEL}, {TABLE}, {NUMBERS})")
def code_levels(
    task, state, data, levels, sizes, superframe, entries, weights, stretch, squash, rates, bits, blocks, places
):
    """Code `levels` int32 `[T]` of blocks of `sizes`, in order; decoding fills them in. The rest as in `code_mixed`;
    `blocks` are zeros, `[BLOCKS, superframe + MARGIN]`."""
    before = blocks[0]
    earlier = blocks[1]
    now = blocks[2]
    start = 0
    grid = superframe
    for block in range(len(sizes)):
        size = sizes[block]
        begin_block(blocks, grid, size)
        grid = size
        scale = superframe // size
        shape = bit_length(scale) - 1
        c1 = 0
        c2 = 0
        near = 0  # the sum of the six lines before these two
        far = before[2] + before[3] + before[4] + before[5]  # slides: of the lines three to six away in the last block
        hushed = 0
        awaited = 0  # whether the sixteen lines at hand are known not to be all zero, and were so far
        k = 0
        while k < size:
            kind = ZERO
            if k % GROUP == 0 and near + c1 + c2 == 0:
                busy = before[k - 1] + before[k - 2] if k else 0
                for j in range(k, k + GROUP + 2):
                    busy += before[j]
                if busy == 0:
                    kind = QUIET
            line = min(k * scale, 2047)
            zone = bit_length(line >> 1)
            fine = (
                line >> 4
                if line < 128
                else (8 + ((line - 128) >> 6) if line < 640 else min(16 + ((line - 640) >> 7), 23))
            )
            if k > 0:
                pm = before[k - 1]
                pm2 = before[k - 2] if k > 1 else 0
            else:
                pm = 0
                pm2 = 0
            p0 = before[k]
            pp = before[k + 1]
            pp2 = before[k + 2]
            o0 = earlier[k]
            o1 = earlier[k + 1] + (earlier[k - 1] if k else 0)
            far += before[k + 6] - before[k + 2]
            if k > 2:
                far += before[k - 3]
            if k > 6:
                far -= before[k - 7]
            total = 2 * c1 + c2 + (2 * p0 + pm + pp + o0 + 1) // 2
            wide = min(bit_length(near + (far + 1) // 2 + total), 7)
            activity = total if total < 10 else 9 + min(bit_length(total - 8), 6)
            h0 = p0 if p0 < 4 else min(3 + (p0 - 2) // 2, 5)
            side = min((pm + pp + 1) // 2, 3)
            pair = (min(c1, 3) * 4 + min(c2, 3)) * 24 + h0 * 4 + side
            column = ((h0 * 3 + min((o0 + 1) // 2, 2)) * 4 + side) * 3 + min((o1 + 1) // 2, 2)
            value = abs(levels[start + k])
            magnitude = 0
            if awaited and k % GROUP == GROUP - 1:
                kind = ONE
                magnitude = 1
            while True:
                base = PLACES[kind]
                if kind == QUIET:
                    row = 0
                    inputs = 2
                    bit = 0
                    if task != DECODE:
                        for j in range(start + k, start + k + GROUP):
                            if levels[j] != 0:
                                bit = 1
                    places[0] = base + (line >> 5) * 4 + shape
                    places[1] = base + 256 + (zone * 4 + shape) * 2 + hushed
                elif kind == MORE:
                    row = ROWS[MORE] + activity
                    inputs = 3
                    bit = 1 if value > magnitude else 0
                    step = magnitude - 2
                    places[0] = base + activity * 16 + step
                    places[1] = base + 256 + (min(bit_length(c1 + c2), 5) * 6 + min(bit_length(p0), 5)) * 16 + step
                    places[2] = base + 832 + (wide * 4 + shape) * 16 + step
                else:
                    row = ROWS[kind] + activity
                    inputs = 7 if kind == ZERO else 6
                    bit = 1 if value > magnitude else 0
                    places[0] = base + (activity * 11 + zone) * 4 + shape
                    places[1] = base + 704 + pair
                    places[2] = base + 1088 + column
                    places[3] = base + 1304 + (fine * 6 + h0) * 4 + min(c1 + c2, 3)
                    places[4] = base + 1880 + (wide * 11 + zone) * 4 + shape
                    if kind == ZERO:
                        places[5] = (
                            base
                            + 2232
                            + (
                                (min(bit_length(near), 4) * 5 + min(bit_length(far), 4)) * 4
                                + min(c1 + (p0 + 1) // 2, 3)
                            )
                            * 4
                            + shape
                        )
                        places[6] = (
                            base
                            + 2632
                            + ((min(c1 + c2, 4) * 5 + min((pm2 + pm + p0 + pp + pp2 + 1) // 2, 4)) * 11 + zone) * 4
                            + shape
                        )
                    else:
                        places[5] = base + 2232 + (min(c1, 7) * 8 + min((p0 + 1) // 2, 7)) * 4 + side
                bit = code_mixed(
                    task, state, data, bit, entries, places, inputs, weights[row], stretch, squash, rates, bits
                )
                if kind == QUIET:
                    hushed = bit
                    awaited = bit
                    if bit == 0:
                        break
                    kind = ZERO
                    continue
                if bit == 0:
                    break
                magnitude += 1
                if magnitude == UNARY:
                    magnitude = code_escape(task, state, data, value, bits)
                    break
                kind = ONE if kind == ZERO else MORE
            if kind == QUIET:  # sixteen zeros
                for j in range(k, k + GROUP):
                    now[j] = 0
                k += GROUP
                far = before[k + 2] + before[k + 3] + before[k + 4] + before[k + 5]
                continue
            if magnitude:
                awaited = 0
                minus = code_bits(task, state, data, 1 if levels[start + k] < 0 else 0, 1, bits)
                if task == DECODE:
                    levels[start + k] = -magnitude if minus else magnitude
            near += c2 - (now[k - 8] if k > 7 else 0)
            c2 = c1
            c1 = min(magnitude, 15)
            now[k] = c1
            k += 1
        end_block(blocks, size)
        start += size
