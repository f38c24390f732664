"""What the language model asks of its kernels: `measure` a chunk, `decode` some frames of many."""

from __future__ import annotations

import numpy as np
from numba import njit

from nac_cli.kernels import range_decoder
from nac_cli.kernels.language_model import attend, begin, embed, finish_layer, logit_sums, project
from nac_cli.kernels.integers import make_table
from nac_cli.kernels.parts import (
    EXPONENTIAL,
    LARGEST_TABLE,
    LAYERS,
    LOGITS,
    OUTPUTS,
    PLANE_PARTS,
    PLANES,
    PLANES_FROM,
    WIDEST_ACTIVATION,
    WIDEST_SUM,
    WIDTH,
    WINDOW,
)

BLOCK = 64
"""Frames of a chunk that are rows of a batch together: so many that weights stay near, so few that they themselves do."""

MODEL = "int16[::1], int32[::1], int64[:, ::1], int64[::1]"
"""weights, wide, parts and shape: see `parts`."""


def kernel(signature):
    """A function for callers of this room: compiled, or found in the cache, here and now; others run meanwhile."""
    return njit(signature, error_model="numpy", nogil=True, cache=True)


@kernel(f"void({MODEL}, int32[:, ::1], int64[::1], int32[:, ::1], int32[:, ::1], int32[:, :, ::1])")
def measure(weights, wide, parts, shape, codes, depths, starts, widths, tables):
    """Intervals of the `codes` `[K, F]` (below zero where none occurs) of a chunk with `depths` `[F]`, into `starts` and
    `widths` `[K, F]`. If `tables` `[K, F, N]` has room, all tables are left there."""
    planes, frames = codes.shape
    width, window = shape[WIDTH], shape[WINDOW]
    states = np.empty((frames, width), np.int64)
    inputs = np.empty((BLOCK, shape[WIDEST_ACTIVATION]), np.int16)
    sums = np.empty((BLOCK, shape[WIDEST_SUM]), np.int32)
    queries = np.empty((frames, width), np.int16)
    keys, values = np.empty((width, frames), np.int8), np.empty((width, frames), np.int8)
    projected = np.empty((BLOCK, 3 * width), np.int16)
    raw, shares = np.empty(frames, np.int32), np.empty(frames, np.int32)
    scores = np.empty(max(frames, shape[LARGEST_TABLE]), np.int64)
    table = np.empty(shape[LARGEST_TABLE], np.int32)
    for first in range(0, frames, BLOCK):
        last = min(first + BLOCK, frames)
        # of the chunk's first frame there is no frame before; it is done by itself
        if first == 0:
            begin(weights, wide, parts, shape, codes, depths, 1, True, inputs, sums, states)
        at = max(first, 1)
        begin(weights, wide, parts, shape, codes[:, at - 1 :], depths[at:], last - at, False, inputs, sums, states[at:])
    for layer in range(shape[LAYERS]):
        for first in range(0, frames, BLOCK):
            count = min(BLOCK, frames - first)
            project(weights, wide, parts, shape, layer, states[first:], count, inputs, sums, projected)
            for row in range(count):
                for place in range(width):
                    queries[first + row, place] = projected[row, place]
            for place in range(width):
                for row in range(count):
                    keys[place, first + row] = projected[row, width + place]
                    values[place, first + row] = projected[row, 2 * width + place]
        for first in range(0, frames, BLOCK):
            count = min(BLOCK, frames - first)
            for row in range(count):
                frame = first + row
                oldest = max(0, frame + 1 - window)
                seen = frame + 1 - oldest
                attend(
                    wide, parts, shape, layer, queries[frame], keys[:, oldest:], values[:, oldest:],
                    seen, seen - 1, seen, scores, raw, shares, inputs[row],
                )  # fmt: skip
            finish_layer(weights, wide, parts, shape, layer, states[first:], count, inputs, sums)
    block, present = np.empty((BLOCK, width), np.int64), np.empty(BLOCK, np.int64)
    for plane in range(planes):
        part = parts[shape[PLANES_FROM] + plane * PLANE_PARTS + LOGITS]
        for first in range(0, frames, BLOCK):
            last, count = min(first + BLOCK, frames), 0
            for frame in range(first, last):
                if codes[plane, frame] >= 0:
                    present[count] = frame
                    block[count] = states[frame]
                    count += 1
            logit_sums(weights, wide, parts, shape, plane, block, count, inputs, sums)
            for row in range(count):
                make_table(wide, shape[EXPONENTIAL], part, sums[row], scores, table)
                frame = present[row]
                start = np.int32(0)
                for symbol in range(codes[plane, frame]):
                    start = np.int32(start + table[symbol])
                starts[plane, frame], widths[plane, frame] = start, table[codes[plane, frame]]
                if tables.size:
                    tables[plane, frame, : part[OUTPUTS]] = table[: part[OUTPUTS]]
        if plane + 1 < planes:
            pair = shape[PLANES_FROM] + plane * PLANE_PARTS
            for first in range(0, frames, BLOCK):
                count = min(BLOCK, frames - first)
                embed(
                    weights, wide, shape, parts[pair + 2], parts[pair + 3], codes[plane, first:], count,
                    inputs, sums, states[first:],
                )  # fmt: skip


@kernel("void(uint32[::1], uint64[:, ::1], int64[:, ::1])")
def start_streams(words, coder, places):
    """Range decoders at the start of their streams: see `range_decoder`."""
    for row in range(len(coder)):
        range_decoder.start(coder, places, words, row)


@kernel(
    f"int64({MODEL}, uint32[::1], uint64[:, ::1], int64[:, ::1], uint8[::1], int8[:, :, :, :, ::1], int64[:, ::1], "
    "int64[::1], boolean[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int64, int64)"
)
def decode(
    weights, wide, parts, shape, words, coder, places, failed, ring, depths,
    ends, occurs, codes, starts, widths, tables, first, last,
):  # fmt: skip
    """Codes of the frames first..last - 1 of n streams, longest first, into `codes` `[n, K, F]`, their intervals into
    `starts` and `widths`; how many frames were done, less where no stream is left.

    `depths` `[n, F]`; `ends` `[n]`: frames of each stream; `occurs` `[n, K, F]`; `ring` `[L, 2, n, D, slots]`: keys and
    values of past frames. A stream that has failed gets no more codes. If `tables` `[K, F, N]` has room, `codes` are known
    already, those of one stream, and their tables are left there.
    """
    batch, planes, _ = codes.shape
    slots, width = ring.shape[4], shape[WIDTH]
    states, chosen = np.empty((batch, width), np.int64), np.empty((batch, width), np.int64)
    inputs = np.empty((batch, shape[WIDEST_ACTIVATION]), np.int16)
    sums = np.empty((batch, shape[WIDEST_SUM]), np.int32)
    projected = np.empty((batch, 3 * width), np.int16)
    raw, shares = np.empty(slots, np.int32), np.empty(slots, np.int32)
    scores = np.empty(max(slots, shape[LARGEST_TABLE]), np.int64)
    table = np.empty(shape[LARGEST_TABLE], np.int32)
    before, now = np.empty((planes, batch), np.int32), np.empty(batch, np.int32)
    rows = np.empty(batch, np.int64)
    for frame in range(first, last):
        active, deepest = 0, 0
        for row in range(batch):
            if failed[row]:
                ends[row] = 0
            if ends[row] > frame:
                active, deepest = row + 1, max(deepest, depths[row, frame])
        if not active:
            return frame - first
        for row in range(active):
            rows[row] = depths[row, frame]
            for plane in range(planes):
                before[plane, row] = codes[row, plane, frame - 1] if frame else -1
        begin(weights, wide, parts, shape, before, rows, active, frame == 0, inputs, sums, states)
        slot, filled = frame % slots, min(frame + 1, slots)
        for layer in range(shape[LAYERS]):
            project(weights, wide, parts, shape, layer, states, active, inputs, sums, projected)
            for row in range(active):
                keys, values = ring[layer, 0, row], ring[layer, 1, row]
                for place in range(width):
                    keys[place, slot] = projected[row, width + place]
                    values[place, slot] = projected[row, 2 * width + place]
                attend(
                    wide, parts, shape, layer, projected[row], keys, values,
                    filled, slot, slots, scores, raw, shares, inputs[row],
                )  # fmt: skip
            finish_layer(weights, wide, parts, shape, layer, states, active, inputs, sums)
        for plane in range(deepest):
            pair = shape[PLANES_FROM] + plane * PLANE_PARTS
            part = parts[pair + LOGITS]
            count = 0
            for row in range(active):
                if occurs[row, plane, frame] and not failed[row]:
                    rows[count] = row
                    chosen[count] = states[row]
                    count += 1
            logit_sums(weights, wide, parts, shape, plane, chosen, count, inputs, sums)
            for place in range(count):
                row = rows[place]
                make_table(wide, shape[EXPONENTIAL], part, sums[place], scores, table)
                if tables.size:
                    tables[plane, frame, : part[OUTPUTS]] = table[: part[OUTPUTS]]
                    continue
                symbol, start, size = range_decoder.next_symbol(
                    coder, places, words, failed, row, table, part[OUTPUTS]
                )
                codes[row, plane, frame], starts[row, plane, frame], widths[row, plane, frame] = symbol, start, size
            if plane + 1 < deepest:
                for row in range(active):
                    now[row] = codes[row, plane, frame]
                embed(weights, wide, shape, parts[pair + 2], parts[pair + 3], now, active, inputs, sums, states)
    return last - first
