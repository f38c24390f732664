"""The integer operations of the language model (format_spec.md, B.4) on rows: scale, norm, activate, share.

Rows of states are int64, of activations int16, of sums int32. Bounds are those of section B.8.
"""

from __future__ import annotations

import math

import numpy as np

from nac_cli.kernels.compiling import helper
from nac_cli.kernels.parts import BIAS, INPUTS, MULTIPLIER, OUTPUTS, PART, SHIFT, STATES, SUMS, WEIGHT, WEIGHTS, WIDE
from nac_cli.kernels.products import outlined

INT8 = 127
RESIDUAL = (1 << 24) - 1
TABLE_TOTAL = 1 << 16
UPWARD = 1 + 2.0**-50
"""Outweighs the roundings of a quotient whose floor counts: see `entropy.lm.arithmetic.Shares`."""


@helper("int64(int32, int32, int32, int64, int64)")
def scaled(sum_, bias, multiplier, half, shift):
    """scale of a sum and its bias, both int32."""
    return (np.int64(np.int32(sum_ + bias)) * np.int64(multiplier) + half) >> shift


@helper("int64(int64, int64)")
def clipped(value, bound):
    return bound if value > bound else -bound if value < -bound else value


@helper("int64(int64)")
def root_of(square):
    """floor(sqrt(square)) of an int64 below 2^62: integer steps correct the float's root."""
    root = np.int64(math.sqrt(np.float64(square)))
    while root * root > square:
        root -= 1
    while (root + 1) * (root + 1) <= square:
        root += 1
    return root


@helper(f"void({WIDE}, {PART}, {STATES}, int64, int64, {INPUTS})")
def normalise(wide, part, states, first, count, result):
    """norm: activations of `count` rows of `states` `[n, D]` from row `first` on."""
    outlined()
    width, gain, shift = states.shape[1], part[MULTIPLIER], part[SHIFT]
    half = np.int64(1) << (shift - 1)
    for row in range(count):
        state, square = states[first + row], np.int64(0)
        for place in range(width):
            square += state[place] * state[place]
        reciprocal = (np.int64(1) << 46) // (root_of(square) if square else 1)
        for place in range(width):
            normal = (state[place] * reciprocal + (1 << 15)) >> 16
            result[row, place] = clipped((normal * np.int64(wide[gain + place]) + half) >> shift, INT8)


@helper(f"void({WIDE}, {PART}, {SUMS}, int64, {INPUTS})")
def saturate(wide, part, sums, count, result):
    """Activations of a matrix's sums, which end at 127 either way."""
    outlined()
    shift, bias, multiplier = part[SHIFT], part[BIAS], part[MULTIPLIER]
    half = np.int64(1) << (shift - 1)
    for row in range(count):
        for place in range(part[OUTPUTS]):
            value = scaled(sums[row, place], wide[bias + place], wide[multiplier + place], half, shift)
            result[row, place] = clipped(value, INT8)


@helper(f"void({WEIGHTS}, {WIDE}, {PART}, {PART}, {SUMS}, int64, {INPUTS})")
def activate(weights, wide, part, table, sums, count, result):
    """Activations of a matrix's sums, which are changed, by a table of 1024 entries."""
    outlined()
    shift, bias, multiplier, first = part[SHIFT], part[BIAS], part[MULTIPLIER], table[WEIGHT]
    half, outputs = np.int64(1) << (shift - 1), part[OUTPUTS]
    entries = weights[first : first + 1024]
    for row in range(count):
        for place in range(outputs):
            value = scaled(sums[row, place], wide[bias + place], wide[multiplier + place], half, shift)
            sums[row, place] = 512 + (511 if value > 511 else -512 if value < -512 else value)
        for place in range(outputs):
            result[row, place] = entries[np.uint32(sums[row, place])]


@helper(f"void({WIDE}, {PART}, {SUMS}, {STATES}, int64, int64)")
def add_update(wide, part, sums, states, first, count):
    """states = cap(states + cap(matrix)), for `count` rows from row `first` on."""
    outlined()
    shift, bias, multiplier = part[SHIFT], part[BIAS], part[MULTIPLIER]
    half = np.int64(1) << (shift - 1)
    for row in range(count):
        state = states[first + row]
        for place in range(part[OUTPUTS]):
            value = scaled(sums[row, place], wide[bias + place], wide[multiplier + place], half, shift)
            state[place] = clipped(state[place] + clipped(value, RESIDUAL), RESIDUAL)


@helper("int64(int32[::1], int64[::1], int64, int64, int32[::1])")
def share(exponential, scores, count, total, parts):
    """parts[i] = share(scores, total)[i], int32, with the table `exponential`; the largest of the scores."""
    outlined()
    top = scores[0]
    for place in range(1, count):
        top = scores[place] if scores[place] > top else top
    sum_ = np.int64(0)
    for place in range(count):
        below = top - scores[place]
        parts[place] = below if below < 1023 else 1023
    for place in range(count):
        entry = exponential[np.uint32(parts[place])]
        parts[place] = entry
        sum_ += entry
    factor = total * UPWARD / sum_
    for place in range(count):
        parts[place] = np.int32(np.float64(parts[place]) * factor)
    return top


@helper(f"void({WIDE}, int32[::1], {PART}, {SUMS}, int64, int64[::1], int32[::1])")
def make_table(wide, exponential, part, sums, row, scores, table):
    """Frequencies of the logits that row `row` of `sums` stands for, int32 in `table`; `scores` int64 is a buffer."""
    outlined()
    shift, bias, multiplier, size = part[SHIFT], part[BIAS], part[MULTIPLIER], part[OUTPUTS]
    half = np.int64(1) << (shift - 1)
    for place in range(size):
        scores[place] = scaled(sums[row, place], wide[bias + place], wide[multiplier + place], half, shift)
    top = share(exponential, scores, size, TABLE_TOTAL - size, table)
    left = TABLE_TOTAL - size
    for place in range(size):
        left -= table[place]
        table[place] += 1
    best = 0
    while scores[best] < top:
        best += 1
    table[best] += left
