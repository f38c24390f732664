"""The range encoder of the `static` mode in nothing but Python integers, to hold `constriction` against.

The decoder is `tests.reference.range_decoder`. `lower` is kept as one number of any size, so that a carry
needs no special case: what the coder has emitted so far is its upper words.
"""

from __future__ import annotations

MASK_32 = (1 << 32) - 1


def encode(symbols: list[int], tables: list[list[int]]) -> list[int]:
    """32-bit words for `symbols`; `tables[i]` is the frequency table of symbol i."""
    lower, width, words = 0, (1 << 64) - 1, 0
    for symbol, table in zip(symbols, tables, strict=True):
        scale = width >> 24
        lower += scale * 256 * sum(table[:symbol])
        width = scale * 256 * table[symbol]
        if width < 1 << 32:
            lower, width, words = lower << 32, width << 32, words + 1
    if not symbols:
        return []
    point = (lower + MASK_32) >> 32
    emitted = [(point >> (32 * (words - index))) & MASK_32 for index in range(words + 1)]
    if ((lower + width) >> 32) & MASK_32 == emitted[-1]:
        emitted.append(0)
    return emitted
