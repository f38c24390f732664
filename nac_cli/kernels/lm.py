"""The kernels of the language model: `measure` a chunk, `decode` some frames of many."""

from __future__ import annotations

import numpy as np
from numba import njit

from nac_cli.kernels import range_decoder
from nac_cli.kernels.integers import make_table
from nac_cli.kernels.language_model import (
    add_codes,
    attend,
    begin,
    finish_layer,
    keep,
    key_columns,
    logit_sums,
    project,
)
from nac_cli.kernels.parts import (
    EXPONENTIAL,
    HEADS,
    LARGEST_TABLE,
    LAYERS,
    LOGITS,
    MODEL,
    OUTPUTS,
    PLANE_PARTS,
    PLANES_FROM,
    SHAPE,
    WIDEST_ACTIVATION,
    WIDEST_SUM,
    WIDTH,
    WINDOW,
)
from nac_cli.kernels.products import PADDED, TILE_ROWS, helper

BLOCK = 64
"""Frames of a chunk that are rows of a batch together: they and the weights stay in the cache."""


def kernel(signature):
    """A function for callers of this room: compiled, or found in the cache, here and now; others run meanwhile."""
    return njit(signature, error_model="numpy", nogil=True, cache=True)


@helper("int64(int64)")
def padded_slots(frames):
    """Slots for so many frames."""
    return (frames + PADDED - 1) // PADDED * PADDED


@helper(f"int64({SHAPE}, int64)")
def keys_size(shape, slots):
    """Entries of the keys of one layer and stream; a tile reads some rows behind them, which count for nothing."""
    return (shape[HEADS] * slots + TILE_ROWS) * key_columns(shape)


@helper(f"int64({SHAPE}, int64)")
def values_size(shape, slots):
    """Entries of the values, likewise."""
    return (shape[WIDTH] + TILE_ROWS) * slots


@helper(
    "Tuple((int16[:, ::1], int16[:, ::1], int32[::1], int32[:, ::1], int32[:, ::1], int64[::1], int32[::1]))"
    f"({SHAPE}, int64)"
)
def buffers(shape, slots):
    """query, halves, shares, context, sums, scores for `attend`, and a table."""
    table = np.empty(shape[LARGEST_TABLE], np.int32)
    scores = np.empty(slots + shape[LARGEST_TABLE], np.int64)
    halves, shares = np.zeros((2, slots), np.int16), np.empty(slots, np.int32)
    key_sums, context = np.empty((1, slots + TILE_ROWS), np.int32), np.empty((2, shape[WIDTH] + TILE_ROWS), np.int32)
    return np.empty((1, key_columns(shape)), np.int16), halves, shares, context, key_sums, scores, table


@kernel(f"void({MODEL}, int32[:, ::1], int64[::1], int32[:, ::1], int32[:, ::1], int32[:, :, ::1])")
def measure(weights, wide, parts, shape, codes, depths, starts, widths, tables):
    """Intervals of the `codes` `[K, F]` (below zero where none occurs) of a chunk with `depths` `[F]`, into `starts`
    and `widths` `[K, F]`. If `tables` `[K, F, N]` has room, all tables are left there."""
    planes, frames = codes.shape
    width, window = shape[WIDTH], shape[WINDOW]
    slots = padded_slots(frames)
    states = np.empty((frames, width), np.int64)
    inputs = np.empty((BLOCK, shape[WIDEST_ACTIVATION]), np.int16)
    sums = np.empty((BLOCK, shape[WIDEST_SUM]), np.int32)
    queries = np.empty((frames, width), np.int16)
    keys, values = np.zeros(keys_size(shape, slots), np.int8), np.zeros(values_size(shape, slots), np.int8)
    projected = np.empty((BLOCK, 3 * width), np.int16)
    query, halves, shares, context, key_sums, scores, table = buffers(shape, slots)
    # of the chunk's first frame there is no frame before; it is done by itself
    begin(weights, wide, parts, shape, codes, 0, depths, True, inputs, sums, states, 0, 1)
    for first in range(1, frames, BLOCK):
        count = frames - first if frames - first < BLOCK else BLOCK
        begin(weights, wide, parts, shape, codes, first - 1, depths, False, inputs, sums, states, first, count)
    for layer in range(shape[LAYERS]):
        for first in range(0, frames, BLOCK):
            count = frames - first if frames - first < BLOCK else BLOCK
            project(weights, wide, parts, shape, layer, states, first, count, inputs, sums, projected)
            for row in range(count):
                for place in range(width):
                    queries[first + row, place] = projected[row, place]
                keep(shape, projected, row, keys, 0, values, 0, slots, first + row)
        for first in range(0, frames, BLOCK):
            count = frames - first if frames - first < BLOCK else BLOCK
            for row in range(count):
                frame = first + row
                for place in range(width):
                    projected[row, place] = queries[frame, place]
                oldest = frame + 1 - window if frame + 1 > window else 0
                seen = frame + 1 - oldest
                attend(
                    wide, parts, shape, layer, projected, row, keys, 0, values, 0, slots, oldest, seen, seen - 1, seen,
                    query, scores, key_sums, shares, halves, context, inputs,
                )  # fmt: skip
            finish_layer(weights, wide, parts, shape, layer, states, first, count, inputs, sums)
    block, present = np.empty((BLOCK, width), np.int64), np.empty(BLOCK, np.int64)
    exponential = wide[shape[EXPONENTIAL] : shape[EXPONENTIAL] + 1024]
    for plane in range(planes):
        part = parts[shape[PLANES_FROM] + plane * PLANE_PARTS + LOGITS]
        for first in range(0, frames, BLOCK):
            count = 0
            for frame in range(first, first + BLOCK if first + BLOCK < frames else frames):
                if codes[plane, frame] >= 0:
                    present[count] = frame
                    for place in range(width):
                        block[count, place] = states[frame, place]
                    count += 1
            if not count:
                continue
            logit_sums(weights, wide, parts, shape, plane, block, count, inputs, sums)
            for row in range(count):
                make_table(wide, exponential, part, sums, row, scores, table)
                frame = present[row]
                code, start = codes[plane, frame], np.int32(0)
                for symbol in range(code):
                    start = np.int32(start + table[symbol])
                starts[plane, frame], widths[plane, frame] = start, table[code]
                if tables.size:
                    for symbol in range(part[OUTPUTS]):
                        tables[plane, frame, symbol] = table[symbol]
        if plane + 1 < planes:
            for first in range(0, frames, BLOCK):
                count = frames - first if frames - first < BLOCK else BLOCK
                add_codes(weights, wide, parts, shape, plane, codes, plane, first, inputs, sums, states, first, count)


@kernel("void(uint32[::1], uint64[:, ::1], int64[:, ::1])")
def start_streams(words, coder, places):
    """Range decoders at the start of their streams: see `range_decoder`."""
    for row in range(len(coder)):
        range_decoder.start(coder, places, words, row)


@kernel(
    f"int64({MODEL}, uint32[::1], uint64[:, ::1], int64[:, ::1], uint8[::1], int8[::1], int8[::1], int64[:, ::1], "
    "int64[::1], boolean[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], "
    "int64, int64)"
)
def decode(
    weights, wide, parts, shape, words, coder, places, failed, keys, values, depths,
    ends, occurs, codes, starts, widths, tables, first, last,
):  # fmt: skip
    """Codes of the frames first..last - 1 of n streams, longest first, into `codes` `[n, K, F]`, their intervals into
    `starts` and `widths`; how many frames were done, less where no stream is left.

    `depths` `[n, F]`; `ends` `[n]`: frames of each stream; `occurs` `[n, K, F]`; `keys` and `values` of past frames,
    rings of `ring_sizes` entries. A stream that has failed gets no more codes. If `tables` `[K, F, N]` has room,
    `codes` are known already, those of one stream, and their tables are left there.
    """
    batch, planes, frames = codes.shape
    width, period = shape[WIDTH], shape[WINDOW] if shape[WINDOW] < frames else frames
    slots = padded_slots(period)
    key_ring, value_ring = keys_size(shape, slots), values_size(shape, slots)
    states, chosen = np.empty((batch, width), np.int64), np.empty((batch, width), np.int64)
    inputs = np.empty((batch, shape[WIDEST_ACTIVATION]), np.int16)
    sums = np.empty((batch, shape[WIDEST_SUM]), np.int32)
    projected = np.empty((batch, 3 * width), np.int16)
    query, halves, shares, context, key_sums, scores, table = buffers(shape, slots)
    exponential = wide[shape[EXPONENTIAL] : shape[EXPONENTIAL] + 1024]
    before, rows, own = np.empty((planes, batch), np.int32), np.empty(batch, np.int64), np.empty(batch, np.int64)
    for frame in range(first, last):
        active, deepest = 0, 0
        for row in range(batch):
            if failed[row]:
                ends[row] = 0
            if ends[row] > frame:
                active, deepest = row + 1, depths[row, frame] if depths[row, frame] > deepest else deepest
        if not active:
            return frame - first
        for row in range(active):
            own[row] = depths[row, frame]
            for plane in range(planes):
                before[plane, row] = codes[row, plane, frame - 1] if frame else -1
        begin(weights, wide, parts, shape, before, 0, own, frame == 0, inputs, sums, states, 0, active)
        slot, filled = frame % period, frame + 1 if frame < period else period
        for layer in range(shape[LAYERS]):
            project(weights, wide, parts, shape, layer, states, 0, active, inputs, sums, projected)
            for row in range(active):
                ring = layer * batch + row
                keys_at, values_at = ring * key_ring, ring * value_ring
                keep(shape, projected, row, keys, keys_at, values, values_at, slots, slot)
                attend(
                    wide, parts, shape, layer, projected, row, keys, keys_at, values, values_at, slots, 0, filled, slot,
                    period, query, scores, key_sums, shares, halves, context, inputs,
                )  # fmt: skip
            finish_layer(weights, wide, parts, shape, layer, states, 0, active, inputs, sums)
        for plane in range(deepest):
            part = parts[shape[PLANES_FROM] + plane * PLANE_PARTS + LOGITS]
            count = 0
            for row in range(active):
                if occurs[row, plane, frame] and not failed[row]:
                    rows[count] = row
                    for place in range(width):
                        chosen[count, place] = states[row, place]
                    count += 1
            if count:
                logit_sums(weights, wide, parts, shape, plane, chosen, count, inputs, sums)
            for place in range(count):
                row = rows[place]
                make_table(wide, exponential, part, sums, place, scores, table)
                if tables.size:
                    for symbol in range(part[OUTPUTS]):
                        tables[plane, frame, symbol] = table[symbol]
                    continue
                symbol, start, size = range_decoder.next_symbol(coder, places, words, failed, row, table, part[OUTPUTS])
                codes[row, plane, frame], starts[row, plane, frame], widths[row, plane, frame] = symbol, start, size
            if plane + 1 < deepest:
                for row in range(active):
                    before[plane, row] = codes[row, plane, frame]
                add_codes(weights, wide, parts, shape, plane, before, plane, 0, inputs, sums, states, 0, active)
    return last - first


@kernel("UniTuple(int64, 2)(int64[::1], int64, int64)")
def ring_sizes(shape, batch, frames):
    """Entries of `keys` and of `values` for `decode` of `batch` streams of up to `frames` frames."""
    slots = padded_slots(shape[WINDOW] if shape[WINDOW] < frames else frames)
    count = shape[LAYERS] * batch
    return count * keys_size(shape, slots), count * values_size(shape, slots)
