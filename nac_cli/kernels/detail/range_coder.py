"""A binary range coder, and bits predicted by mixing adaptive contexts.

One function codes in both directions, so that encoder and decoder cannot part: while decoding the bit comes out of the
range coder, while encoding out of the levels; while measuring it only costs.

Range coder: Martin 1979, bytes held back for a carry as in LZMA. Mixing: the logistic mixing of PAQ (Mahoney 2005) in
fixed point: entries of 22 bits of probability and 8 of count, which sets how fast they learn; weights of 16
fractional bits.
"""

from __future__ import annotations

from nac_cli.kernels.compiling import helper
from nac_cli.kernels.detail.fields import (
    CARRIED,
    CODE,
    CODER,
    COUNT_BITS,
    DATA,
    DECODE,
    HELD,
    LOW,
    MEASURE,
    MOST_COUNT,
    PLACE,
    RANGE,
    ROW_MODEL,
    STATE,
)

TOP = 1 << 40
WORD = (1 << 32) - 1
HALF = 1 << 15

ONE = (1 << 22) - 1
TO_STRETCH = COUNT_BITS + 10
"""From an entry to the 12 bits that `stretch` takes."""
WEIGHT_SHIFT = 14
FURTHEST = 2047
"""Largest magnitude of stretched probabilities, ln(p / (1 - p)) in units of 1 / 256."""


@helper(f"void({STATE})")
def start_encoder(state):
    state[LOW] = 0
    state[RANGE] = TOP - 1
    state[PLACE] = -1  # what is held at first is no byte
    state[HELD] = 0
    state[CARRIED] = 0


@helper(f"void({STATE}, {DATA})")
def take_byte(state, data):
    """Zero follows the last byte for ever."""
    byte = data[state[PLACE]] if state[PLACE] < len(data) else 0
    state[CODE] = (state[CODE] << 8) | byte
    state[PLACE] += 1


@helper(f"void({STATE}, {DATA})")
def start_decoder(state, data):
    state[LOW] = 0
    state[RANGE] = TOP - 1
    state[CODE] = 0
    state[PLACE] = 0
    for _ in range(5):
        take_byte(state, data)


@helper(f"void({STATE}, {DATA})")
def put_byte(state, data):
    """The highest byte leaves LOW; if it carries, what is held back grows by one."""
    low = state[LOW]
    if (255 << 32) <= low < TOP:
        state[CARRIED] += 1
    else:
        carry = low >> 40
        if state[PLACE] >= 0:
            data[state[PLACE]] = (state[HELD] + carry) & 255
        state[PLACE] += 1
        for _ in range(state[CARRIED]):
            data[state[PLACE]] = (255 + carry) & 255
            state[PLACE] += 1
        state[CARRIED] = 0
        state[HELD] = (low >> 32) & 255
    state[LOW] = (low & WORD) << 8


@helper(f"int64({CODER}, int64, int64)")
def code_bit(task, state, data, bit, probability):
    """The next bit, which is one with `probability` / 65536."""
    bound = (state[RANGE] >> 16) * probability
    if task == DECODE:
        bit = 1 if state[CODE] < bound else 0
    if bit:
        state[RANGE] = bound
    else:
        state[LOW] += bound
        state[RANGE] -= bound
        if task == DECODE:
            state[CODE] -= bound
    while state[RANGE] <= WORD:
        state[RANGE] <<= 8
        if task == DECODE:
            take_byte(state, data)
            state[LOW] = (state[LOW] << 8) & (TOP - 1)
        else:
            put_byte(state, data)
    return bit


@helper(f"int64({CODER}, int64, int64, float64[::1])")
def code_bits(task, state, data, value, count, bits):
    """`count` bits of `value`, highest first, none likelier than the other."""
    if task == MEASURE:
        bits[0] += count
        return value
    result = 0
    for shift in range(count - 1, -1, -1):
        result = 2 * result + code_bit(task, state, data, (value >> shift) & 1, HALF)
    return result


@helper(f"int64({CODER}, int64, {ROW_MODEL})")
def code_mixed(task, state, data, bit, entries, places, inputs, weights, stretch, squash, rates, bits):
    """The next bit, predicted from `inputs` of the `entries`, those at `places`, and from `weights` `[inputs]`; both
    learn from it. `stretch` `[4096]`, `squash` `[4095]` and `rates` `[256]` are maps. `bits[0]` grows by its cost,
    `bits[1:]` being costs."""
    dot = 0
    for i in range(inputs):
        dot += weights[i] * stretch[entries[places[i]] >> TO_STRETCH]
    dot = min(max(dot >> 16, -FURTHEST), FURTHEST)
    probability = squash[dot + FURTHEST]
    if task == MEASURE:
        bits[0] += bits[1 + ((probability if bit else 65536 - probability) >> 4)]
    else:
        bit = code_bit(task, state, data, bit, probability)
    error = (bit << 16) - probability
    for i in range(inputs):
        entry = entries[places[i]]
        weights[i] += (stretch[entry >> TO_STRETCH] * error + (1 << (WEIGHT_SHIFT - 1))) >> WEIGHT_SHIFT
        p = entry >> COUNT_BITS
        n = entry & MOST_COUNT
        if bit:
            p += ((ONE - p) * rates[n]) >> 16
        else:
            p -= (p * rates[n]) >> 16
        entries[places[i]] = (p << COUNT_BITS) | min(n + 1, MOST_COUNT)
    return bit


@helper("int64(int64)")
def bit_length(value):
    bits = 0
    while value > 0:
        value >>= 1
        bits += 1
    return bits
