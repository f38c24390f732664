"""Slowly moving series of small integers (gain nodes, depths) as first value and Rice-coded differences.

    first value, raw | Rice parameter k, 2 bits | Rice(k) of zigzag(difference), one for each further value

Rice(k) of u is u >> k in unary (that many ones, then a zero) and the k low bits of u (Rice and Plaunt,
"Adaptive variable-length coding", 1971). The parameter is always there, and is always the cheapest (the
lowest of equals): so a series has one coded form only, and a reader refuses any other.
"""

from __future__ import annotations

import numpy as np

from nac_cli.entropy.bits import BitReader, BitWriter
from nac_cli.errors import CorruptStream

PARAMETER_BITS = 2


def zigzag(differences: np.ndarray) -> np.ndarray:
    """Map 0, -1, 1, -2, 2, ... to 0, 1, 2, 3, 4, ..."""
    return np.where(differences < 0, -2 * differences - 1, 2 * differences)


def unzigzag(folded: np.ndarray) -> np.ndarray:
    """Inverse of `zigzag`."""
    return (folded >> 1) ^ -(folded & 1)


def write_series(writer: BitWriter, values: np.ndarray, width: int) -> None:
    """Append the integers `values` `[n]`, n >= 1, 0 <= value < 2^width."""
    folded = zigzag(np.diff(values.astype(np.int64)))
    parameter = _cheapest_parameter(folded)
    writer.write(int(values[0]), width)
    writer.write(parameter, PARAMETER_BITS)
    for value in folded.tolist():
        writer.write_unary(value >> parameter)
        writer.write(value & ((1 << parameter) - 1), parameter)


def read_series(reader: BitReader, count: int, width: int, highest: int, name: str) -> np.ndarray:
    """Read `count` >= 1 integers, int32 `[count]`.

    Raises `CorruptStream` if one lies outside 0..`highest`, or if the Rice parameter is not the cheapest.
    """
    first = reader.read(width)
    parameter = reader.read(PARAMETER_BITS)
    longest = (2 * highest) >> parameter  # the unary part of the largest difference, +highest
    folded = np.empty(count - 1, np.int64)
    for index in range(count - 1):
        folded[index] = (reader.read_unary(longest) << parameter) | reader.read(parameter)
    values = np.concatenate(([first], first + np.cumsum(unzigzag(folded))))
    if values.min() < 0 or values.max() > highest:
        raise CorruptStream(f"a {name} lies outside 0..{highest}")
    if parameter != _cheapest_parameter(folded):
        raise CorruptStream(f"the Rice parameter of the {name}s is not the cheapest")
    return values.astype(np.int32)


def series_bits(values: np.ndarray, width: int) -> int:
    """Size of what `write_series` appends, in bits."""
    folded = zigzag(np.diff(values.astype(np.int64)))
    return width + PARAMETER_BITS + min(_rice_bits(folded))


def _rice_bits(folded: np.ndarray) -> list[int]:
    return [int((folded >> k).sum()) + (1 + k) * folded.size for k in range(1 << PARAMETER_BITS)]


def _cheapest_parameter(folded: np.ndarray) -> int:
    bits = _rice_bits(folded)
    return bits.index(min(bits))
