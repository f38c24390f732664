"""Time model and depth head of the language model (format_spec.md, B.5 and B.6), on the rows of a batch.

A row is a stream in a decoder, which goes frame by frame, and a frame of one chunk in an encoder, which knows them all.
Attention apart, nothing else differs. See `parts` for how parameters are laid out.
"""

from __future__ import annotations

import numpy as np

from nac_cli.kernels.compiling import helper
from nac_cli.kernels.integers import (
    INT8,
    RESIDUAL,
    activate,
    add_update,
    clipped,
    normalise,
    saturate,
    scaled,
    share,
)
from nac_cli.kernels.parts import (
    ABSENT,
    ACTIVATION,
    ATTENTION_NORM,
    BIAS,
    CODES,
    COLUMNS,
    CONTEXT,
    DEPTH,
    DOWN,
    EXPONENTIAL,
    FEED_NORM,
    HEAD_ACTIVATION,
    HEAD_NORM,
    HEADS,
    HIDDEN,
    INPUT,
    INPUTS,
    LAYER_PARTS,
    LOGITS,
    MODEL,
    MULTIPLIER,
    OUT,
    PADDED,
    PART,
    PARTS,
    PLANE_PARTS,
    PLANE_ROWS,
    PLANES,
    PLANES_FROM,
    POSITION,
    QKV,
    RANK,
    ROWS,
    SCORE,
    SHAPE,
    SHIFT,
    START,
    STATES,
    SUMS,
    TILE_ROWS,
    TOTAL,
    UP,
    WEIGHT,
    WEIGHTS,
    WIDE,
    WIDTH,
    WINDOW,
    WITHIN,
)
from nac_cli.kernels.products import outlined, products

ROOM = f"{INPUTS}, {SUMS}, {STATES}"
RING = "int8[::1]"
HALF_BITS = 9
"""Attention weights of up to 132104 are two numbers of int16, the lower one of so many bits."""


@helper(f"void({WEIGHTS}, {PART}, {INPUTS}, int64, {SUMS})")
def multiply(weights, part, inputs, count, sums):
    """Sums of a matrix for the first `count` rows of `inputs`."""
    columns = part[COLUMNS]
    products(weights, part[WEIGHT], columns, part[ROWS], columns, inputs, count, sums)


@helper(f"void({WEIGHTS}, {WIDE}, {SHAPE}, {PART}, {PART}, int64, {CODES}, int64, int64, {ROOM}, int64, int64)")
def embed(
    weights, wide, shape, table, matrix, absent, codes, row_of_codes, first_code, inputs, sums, states, first, count
):
    """states[first + i] += embed(`table`)(codes[row_of_codes, first_code + i]) for i < `count`.

    A code below zero is an absent one, whose embedding is in `wide` from `absent` on.
    """
    outlined()
    width, columns, present = shape[WIDTH], table[COLUMNS], 0
    for row in range(count):
        code, state = codes[row_of_codes, first_code + row], states[first + row]
        if code < 0:
            for place in range(width):
                state[place] += wide[absent + place]
            continue
        entry = table[WEIGHT] + code * columns
        for place in range(columns):
            inputs[present, place] = weights[entry + place]
        present += 1
    if not present:
        return
    if shape[RANK]:
        multiply(weights, matrix, inputs, present, sums)
    bias, multiplier, shift = matrix[BIAS], matrix[MULTIPLIER], matrix[SHIFT]
    half, present = np.int64(1) << (shift - 1), 0
    for row in range(count):
        if codes[row_of_codes, first_code + row] < 0:
            continue
        state = states[first + row]
        if shape[RANK]:
            for place in range(width):
                value = scaled(sums[present, place], wide[bias + place], wide[multiplier + place], half, shift)
                state[place] += clipped(value, RESIDUAL)
        else:
            for place in range(width):
                value = scaled(np.int32(inputs[present, place]), np.int32(0), wide[multiplier], half, shift)
                state[place] += clipped(value, RESIDUAL)
        present += 1


@helper(f"void({MODEL}, {CODES}, int64, int64[::1], boolean, {ROOM}, int64, int64)")
def begin(weights, wide, parts, shape, codes, first_code, depths, is_first, inputs, sums, states, first, count):
    """Inputs of the time model in `count` rows of `states` from row `first` on, from the codes of the frame before,
    `codes` `[K, ...]` from `first_code` on (or, of a chunk's first frame, none), and from the `depths` of this one,
    from `first` on."""
    width = shape[WIDTH]
    for row in range(first, first + count):
        own = shape[DEPTH] + depths[row] * width
        for place in range(width):
            states[row, place] = wide[own + place]
            if is_first:
                states[row, place] += wide[shape[START] + place]
    if not is_first:
        for plane in range(shape[PLANES]):
            pair = shape[PLANES_FROM] + plane * PLANE_PARTS + INPUT
            absent = shape[ABSENT] + plane * width
            embed(
                weights, wide, shape, parts[pair], parts[pair + 1], absent, codes, plane, first_code,
                inputs, sums, states, first, count,
            )  # fmt: skip
    for row in range(first, first + count):
        for place in range(width):
            states[row, place] = clipped(states[row, place], RESIDUAL)


@helper(f"void({MODEL}, int64, {CODES}, int64, int64, {ROOM}, int64, int64)")
def add_codes(weights, wide, parts, shape, plane, codes, row_of_codes, first_code, inputs, sums, states, first, count):
    """Embeddings of the codes of `plane`, for the planes above it in the same frame; as `embed`."""
    pair = shape[PLANES_FROM] + plane * PLANE_PARTS + WITHIN
    absent = shape[ABSENT] + (shape[PLANES] + plane) * shape[WIDTH]
    embed(
        weights, wide, shape, parts[pair], parts[pair + 1], absent, codes, row_of_codes, first_code,
        inputs, sums, states, first, count,
    )  # fmt: skip


@helper(f"void({MODEL}, int64, {STATES}, int64, int64, {INPUTS}, {SUMS}, {INPUTS})")
def project(weights, wide, parts, shape, layer, states, first, count, inputs, sums, projected):
    """Queries, keys and values, `projected` int16 `[n, 3 D]`, of `count` rows of `states` from row `first` on."""
    at = layer * LAYER_PARTS
    normalise(wide, parts[at + ATTENTION_NORM], states, first, count, inputs)
    multiply(weights, parts[at + QKV], inputs, count, sums)
    saturate(wide, parts[at + QKV], sums, count, projected)


@helper(f"int64({SHAPE})")
def key_columns(shape):
    """Entries of a head's key, with padding."""
    return (shape[WIDTH] // shape[HEADS] + PADDED - 1) // PADDED * PADDED


@helper(f"void({SHAPE}, {INPUTS}, int64, {RING}, int64, {RING}, int64, int64, int64)")
def keep(shape, projected, row, keys, keys_at, values, values_at, slots, slot):
    """The key and the value of row `row` of `projected` become those of `slot` in `keys` `[H, slots, key_columns]`,
    which begin at `keys_at` of a flat array, and in `values` `[D, slots]`, from `values_at` on."""
    outlined()
    width, columns, heads = shape[WIDTH], key_columns(shape), shape[HEADS]
    key_width = width // heads
    for head in range(heads):
        at = keys_at + (head * slots + slot) * columns
        for place in range(key_width):
            keys[at + place] = projected[row, width + head * key_width + place]
    for place in range(width):
        values[values_at + place * slots + slot] = projected[row, 2 * width + place]


@helper(
    f"void({WIDE}, {PARTS}, {SHAPE}, int64, {INPUTS}, int64, {RING}, int64, {RING}, int64, int64, int64, int64, int64, "
    f"int64, {INPUTS}, int64[::1], {SUMS}, int32[::1], {INPUTS}, {SUMS}, {INPUTS})"
)
def attend(
    wide, parts, shape, layer, projected, row, keys, keys_at, values, values_at, slots, oldest, filled, newest, period,
    query, scores, sums, shares, halves, context, result,
):  # fmt: skip
    """Context of one frame, scaled to activations, in row `row` of `result`, of its query in row `row` of `projected`.

    Of the `slots` of keys and values, laid out as `keep` says, those from `oldest` on count, `filled` of them: the one
    in place s is (newest - s) mod `period` frames old. The others are buffers: `scores` int64, `sums` int32
    `[1, slots]`, `shares` int32, `query` int16 `[1, key_columns]`, `halves` int16 `[2, slots]`, `context` int32
    `[2, D]`.
    """
    outlined()
    first, total, columns = layer * LAYER_PARTS, shape[TOTAL], key_columns(shape)
    score, position, scale = parts[first + SCORE], parts[first + POSITION], parts[first + CONTEXT]
    half, shift = np.int64(1) << (score[SHIFT] - 1), score[SHIFT]
    scale_half, scale_shift = np.int64(1) << (scale[SHIFT] - 1), scale[SHIFT]
    key_width = shape[WIDTH] // shape[HEADS]
    exponential = wide[shape[EXPONENTIAL] : shape[EXPONENTIAL] + 1024]
    key_rows = (filled + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    value_rows = (key_width + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS
    value_columns = (filled + PADDED - 1) // PADDED * PADDED
    for slot in range(filled, value_columns):
        halves[0, slot] = halves[1, slot] = 0
    for head in range(shape[HEADS]):
        begin = head * key_width
        for place in range(columns):
            query[0, place] = projected[row, begin + place] if place < key_width else 0
        products(keys, keys_at + (head * slots + oldest) * columns, columns, key_rows, columns, query, 1, sums)
        multiplier, ages = np.int64(wide[score[MULTIPLIER] + head]), position[BIAS] + head * shape[WINDOW] + newest
        young = newest + 1 if newest < filled else filled
        for slot in range(young):
            scores[slot] = ((np.int64(sums[0, slot]) * multiplier + half) >> shift) + wide[ages - slot]
        for slot in range(young, filled):
            scores[slot] = ((np.int64(sums[0, slot]) * multiplier + half) >> shift) + wide[ages + period - slot]
        share(exponential, scores, filled, total, shares)
        for slot in range(filled):  # both halves fit int16, and their products with int8 values too
            halves[0, slot] = shares[slot] >> HALF_BITS
            halves[1, slot] = shares[slot] & ((1 << HALF_BITS) - 1)
        products(values, values_at + begin * slots + oldest, slots, value_rows, value_columns, halves, 2, context)
        for place in range(key_width):
            sum_ = np.int64((context[0, place] << HALF_BITS) + context[1, place])
            value = (sum_ * np.int64(wide[scale[MULTIPLIER] + begin + place]) + scale_half) >> scale_shift
            result[row, begin + place] = clipped(value, INT8)


@helper(f"void({MODEL}, int64, {STATES}, int64, int64, {INPUTS}, {SUMS})")
def finish_layer(weights, wide, parts, shape, layer, states, first, count, inputs, sums):
    """The layer behind its attention, whose scaled contexts are in `inputs`, for `count` rows from row `first` on."""
    at = layer * LAYER_PARTS
    multiply(weights, parts[at + OUT], inputs, count, sums)
    add_update(wide, parts[at + OUT], sums, states, first, count)
    normalise(wide, parts[at + FEED_NORM], states, first, count, inputs)
    multiply(weights, parts[at + UP], inputs, count, sums)
    activate(weights, wide, parts[at + UP], parts[at + ACTIVATION], sums, count, inputs)
    multiply(weights, parts[at + DOWN], inputs, count, sums)
    add_update(wide, parts[at + DOWN], sums, states, first, count)


@helper(f"void({MODEL}, int64, {STATES}, int64, {INPUTS}, {SUMS})")
def logit_sums(weights, wide, parts, shape, plane, states, count, inputs, sums):
    """Sums of the logits' matrix for `plane` of the first `count` rows; `states`, which hold the embeddings of the
    planes below, are changed."""
    first = shape[PLANES_FROM] + plane * PLANE_PARTS
    row_of_plane = shape[PLANE_ROWS] + plane * shape[WIDTH]
    for row in range(count):
        for place in range(shape[WIDTH]):
            states[row, place] = clipped(states[row, place] + wide[row_of_plane + place], RESIDUAL)
    normalise(wide, parts[first + HEAD_NORM], states, 0, count, inputs)
    multiply(weights, parts[first + HIDDEN], inputs, count, sums)
    activate(weights, wide, parts[first + HIDDEN], parts[first + HEAD_ACTIVATION], sums, count, inputs)
    multiply(weights, parts[first + LOGITS], inputs, count, sums)
