"""Time model and depth head of the language model (format_spec.md, B.5 and B.6), on the rows of a batch.

A row is a stream in a decoder, which goes frame by frame, and a frame of one chunk in an encoder, which knows them all.
Attention apart, nothing else differs. See `parts` for how parameters are laid out.
"""

from __future__ import annotations

import numpy as np

from nac_cli.kernels.integers import (
    INT8,
    RESIDUAL,
    activate,
    add_update,
    clipped,
    helper,
    make_table,
    normalise,
    saturate,
    scaled,
    share,
)
from nac_cli.kernels.parts import (
    ACTIVATION,
    ATTENTION_NORM,
    BIAS,
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
    LAYER_PARTS,
    LAYERS,
    LOGITS,
    MULTIPLIER,
    OUT,
    OUTPUTS,
    PLANE_PARTS,
    PLANE_ROWS,
    PLANES,
    PLANES_FROM,
    POSITION,
    QKV,
    RANK,
    ROWS,
    SCORE,
    SHIFT,
    START,
    TOTAL,
    UP,
    WEIGHT,
    WIDEST_ACTIVATION,
    WIDEST_SUM,
    WIDTH,
    WINDOW,
)
from nac_cli.kernels.products import products


@helper
def multiply(weights, part, inputs, count, sums):
    products(weights, part[WEIGHT], part[ROWS], part[COLUMNS], inputs, count, sums)


@helper
def embed(weights, wide, shape, table, matrix, codes, count, inputs, sums, states):
    """states[i] += embed(`table`)(codes[i]) for the first `count` rows; a code below zero is an absent one."""
    size, columns = table[OUTPUTS], table[COLUMNS]
    for row in range(count):
        code = codes[row] if codes[row] >= 0 else size - 1
        first = table[WEIGHT] + code * columns
        for place in range(columns):
            inputs[row, place] = weights[first + place]
    if shape[RANK]:
        multiply(weights, matrix, inputs, count, sums)
    half, shift = np.int64(1) << (matrix[SHIFT] - 1), matrix[SHIFT]
    for row in range(count):
        for place in range(shape[WIDTH]):
            if shape[RANK]:
                bias, multiplier = wide[matrix[BIAS] + place], wide[matrix[MULTIPLIER] + place]
                value = scaled(sums[row, place], bias, multiplier, half, shift)
            else:
                value = scaled(np.int32(inputs[row, place]), 0, wide[matrix[MULTIPLIER]], half, shift)
            states[row, place] += clipped(value, RESIDUAL)


@helper
def begin(weights, wide, parts, shape, before, depths, count, is_first, inputs, sums, states):
    """Inputs of the time model in the first `count` rows of `states`, from the codes `before` `[K, n]` of the frame before
    (or, of a chunk's first frame, none) and from the `depths` `[n]` of this one."""
    for row in range(count):
        for place in range(shape[WIDTH]):
            value = np.int64(wide[shape[DEPTH] + depths[row] * shape[WIDTH] + place])
            states[row, place] = value + wide[shape[START] + place] if is_first else value
    if not is_first:
        for plane in range(shape[PLANES]):
            table = parts[shape[PLANES_FROM] + plane * PLANE_PARTS]
            matrix = parts[shape[PLANES_FROM] + plane * PLANE_PARTS + 1]
            embed(weights, wide, shape, table, matrix, before[plane], count, inputs, sums, states)
    for row in range(count):
        for place in range(shape[WIDTH]):
            states[row, place] = clipped(states[row, place], RESIDUAL)


@helper
def project(weights, wide, parts, shape, layer, states, count, inputs, sums, projected):
    """Queries, keys and values, `projected` int16 `[n, 3 D]`, of the first `count` rows."""
    first = layer * LAYER_PARTS
    normalise(wide, parts[first + ATTENTION_NORM], states, count, inputs)
    multiply(weights, parts[first + QKV], inputs, count, sums)
    saturate(wide, parts[first + QKV], sums, count, projected)


@helper
def attend(wide, parts, shape, layer, query, keys, values, filled, newest, slots, scores, raw, shares, result):
    """Context of one frame, scaled to activations, in `result` `[D]`, of its `query` `[D]`.

    `keys` and `values` int8 `[D, slots]`, of which the first `filled` slots count: slot s is (newest - s) mod `slots`
    frames old.
    """
    first, total = layer * LAYER_PARTS, shape[TOTAL]
    score, position, context = parts[first + SCORE], parts[first + POSITION], parts[first + CONTEXT]
    half, shift = np.int64(1) << (score[SHIFT] - 1), score[SHIFT]
    context_half, context_shift = np.int64(1) << (context[SHIFT] - 1), context[SHIFT]
    key_width = shape[WIDTH] // shape[HEADS]
    for head in range(shape[HEADS]):
        begin, end = head * key_width, (head + 1) * key_width
        for slot in range(filled):
            raw[slot] = 0
        place = begin
        while place + 1 < end:  # two products of int8 fit int16
            a, b = query[place], query[place + 1]
            for slot in range(filled):
                pair = np.int16(a * np.int16(keys[place, slot])) + np.int16(b * np.int16(keys[place + 1, slot]))
                raw[slot] = np.int32(raw[slot] + np.int32(np.int16(pair)))
            place += 2
        if place < end:
            for slot in range(filled):
                raw[slot] += np.int32(query[place]) * np.int32(keys[place, slot])
        multiplier, ages = np.int64(wide[score[MULTIPLIER] + head]), position[BIAS] + head * shape[WINDOW]
        for slot in range(min(newest + 1, filled)):
            scores[slot] = ((np.int64(raw[slot]) * multiplier + half) >> shift) + wide[ages + newest - slot]
        for slot in range(newest + 1, filled):
            scores[slot] = ((np.int64(raw[slot]) * multiplier + half) >> shift) + wide[ages + newest - slot + slots]
        share(wide, shape[EXPONENTIAL], scores, filled, total, shares)
        for place in range(begin, end):
            sum_ = np.int32(0)
            for slot in range(filled):
                sum_ = np.int32(sum_ + np.int32(shares[slot] * np.int32(values[place, slot])))
            value = (np.int64(sum_) * np.int64(wide[context[MULTIPLIER] + place]) + context_half) >> context_shift
            result[place] = clipped(value, INT8)


@helper
def finish_layer(weights, wide, parts, shape, layer, states, count, inputs, sums):
    """The layer behind its attention, whose scaled contexts are in `inputs`."""
    first = layer * LAYER_PARTS
    multiply(weights, parts[first + OUT], inputs, count, sums)
    add_update(wide, parts[first + OUT], sums, count, states)
    normalise(wide, parts[first + FEED_NORM], states, count, inputs)
    multiply(weights, parts[first + UP], inputs, count, sums)
    activate(weights, wide, parts[first + UP], parts[first + ACTIVATION], sums, count, inputs)
    multiply(weights, parts[first + DOWN], inputs, count, sums)
    add_update(wide, parts[first + DOWN], sums, count, states)


@helper
def logit_sums(weights, wide, parts, shape, plane, states, count, inputs, sums):
    """Sums of the logits' matrix for `plane` of the first `count` rows; `states`, which hold the embeddings of the planes
    below, are changed."""
    first = shape[PLANES_FROM] + plane * PLANE_PARTS
    row_of_plane = shape[PLANE_ROWS] + plane * shape[WIDTH]
    for row in range(count):
        for place in range(shape[WIDTH]):
            states[row, place] = clipped(states[row, place] + wide[row_of_plane + place], RESIDUAL)
    normalise(wide, parts[first + HEAD_NORM], states, count, inputs)
    multiply(weights, parts[first + HIDDEN], inputs, count, sums)
    activate(weights, wide, parts[first + HIDDEN], parts[first + HEAD_ACTIVATION], sums, count, inputs)
    multiply(weights, parts[first + LOGITS], inputs, count, sums)

