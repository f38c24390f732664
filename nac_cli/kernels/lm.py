"""The kernels of the language model: `measure` a chunk, `decode` some frames of many."""

from __future__ import annotations

import numpy as np

from nac_cli.kernels import range_decoder
from nac_cli.kernels.compiling import kernel
from nac_cli.kernels.integers import make_table
from nac_cli.kernels.language_model import (
    RING,
    add_codes,
    attend,
    begin,
    finish_layer,
    keep,
    logit_sums,
    project,
)
from nac_cli.kernels.parts import (
    BLOCK,
    CODES,
    EXPONENTIAL,
    INPUTS,
    LAYERS,
    LOGITS,
    MODEL,
    OUTPUTS,
    PLANE_PARTS,
    PLANES_FROM,
    STATES,
    SUMS,
    WIDTH,
    WINDOW,
)

ROWS = f"{INPUTS}, {SUMS}, {INPUTS}"
"""inputs, sums, projected."""
ATTENTION = f"{INPUTS}, {INPUTS}, int32[::1], {SUMS}, {SUMS}, int64[::1], int32[::1]"
"""query, halves, shares, context, key_sums, scores, table."""


@kernel(
    f"void({MODEL}, {CODES}, int64[::1], int32[:, ::1], int32[:, ::1], int32[:, :, ::1], "
    f"{STATES}, {ROWS}, {INPUTS}, {RING}, {RING}, {STATES}, int64[::1], {ATTENTION})"
)
def measure(
    weights, wide, parts, shape, codes, depths, starts, widths, tables,
    states, inputs, sums, projected, queries, keys, values, block, present,
    query, halves, shares, context, key_sums, scores, table,
):  # fmt: skip
    """Intervals of the `codes` `[K, F]` (below zero where none occurs) of a chunk with `depths` `[F]`, into `starts`
    and `widths` `[K, F]`. If `tables` `[K, F, N]` has room, all tables are left there. The rest are `buffers`."""
    planes, frames = codes.shape
    width, window, slots = shape[WIDTH], shape[WINDOW], halves.shape[1]
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
    f"int64({MODEL}, uint32[::1], uint64[:, ::1], int64[:, ::1], uint8[::1], int64[:, ::1], int64[::1], "
    "boolean[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int32[:, :, ::1], int64, int64, "
    f"{RING}, {RING}, {STATES}, {STATES}, {ROWS}, {CODES}, int64[::1], int64[::1], {ATTENTION})"
)
def decode(
    weights, wide, parts, shape, words, coder, places, failed, depths, ends,
    occurs, codes, starts, widths, tables, first, last,
    keys, values, states, chosen, inputs, sums, projected, before, rows, own,
    query, halves, shares, context, key_sums, scores, table,
):  # fmt: skip
    """Codes of the frames first..last - 1 of n streams, longest first, into `codes` `[n, K, F]`, their intervals into
    `starts` and `widths`; how many frames were done, less where no stream is left.

    `depths` `[n, F]`; `ends` `[n]`: frames of each stream; `occurs` `[n, K, F]`. A stream that has failed gets no more
    codes. If `tables` `[K, F, N]` has room, `codes` are known already, those of one stream, and their tables are left
    there. The rest are `buffers`, of which `keys` and `values` keep past frames from call to call.
    """
    batch, planes, frames = codes.shape
    width, period = shape[WIDTH], shape[WINDOW] if shape[WINDOW] < frames else frames
    slots, rings = halves.shape[1], shape[LAYERS] * batch
    key_ring, value_ring = keys.size // rings, values.size // rings
    exponential = wide[shape[EXPONENTIAL] : shape[EXPONENTIAL] + 1024]
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
