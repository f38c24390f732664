"""Changed weight files: the header of a safetensors file, its descriptions in JSON, its tensors."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass

from hypothesis import strategies as st

NUMBERS = (-1, 0, 1, 2, 3, 7, 127, 1 << 16, 1 << 31, 1 << 40, (1 << 63) - 1, 1 << 64, 10**400)
VALUES = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from([None, True, 1.5, float("nan"), float("inf"), "", "x", [], {}, [0], ["a"]]),
    st.lists(st.sampled_from(NUMBERS[:8]), max_size=4), st.text(max_size=20), st.just("\x1b[2J\u202e<script>"),
)  # fmt: skip
DTYPES = ("F16", "F32", "BF16", "F64", "I8", "U8", "I16", "I32", "I64", "BOOL", "F8_E4M3", "F8_E5M2", "C64", "F4", "X")
PATTERNS = (
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x80\x7f",
    b"\x00\x00\xc0\xff",
    b"\xff\xff\x7f\x7f",
    b"\x00\x7c",
    b"\x00",
    b"\xff",
)
"""Bytes of tensors: numbers that are none, infinite, or the largest."""


@dataclass(frozen=True)
class Change:
    """`what` is changed (one of KINDS), at a place that wraps round, to `value` or by `data`."""

    what: str
    at: int
    other: int
    value: object
    data: bytes


KINDS = ("length", "entry", "metadata", "description", "deep", "tensors", "bytes", "cut", "config", "config", "config")
CHANGES = st.lists(
    st.builds(
        Change, st.sampled_from(KINDS), st.integers(0, 1 << 16), st.integers(0, 1 << 20), VALUES, st.binary(max_size=8)
    ),
    min_size=1,
    max_size=2,
)


def changed(data: bytes, changes: list[Change]) -> bytes:
    """A weight file with changes made to it, in this order."""
    for change in changes:
        data = _one(data, change)
    return data


def _one(data: bytes, change: Change) -> bytes:
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
        tensors = data[8 + length :]
        names = sorted(header)
    except (ValueError, RecursionError, TypeError):
        return data
    if change.what == "length":
        number = change.value if isinstance(change.value, int) and not isinstance(change.value, bool) else change.at
        return (number % (1 << 64)).to_bytes(8, "little") + data[8:]
    if change.what == "bytes":
        at = change.at % len(data)
        return data[:at] + (change.data or b"\0") + data[at + len(change.data or b"\0") :]
    if change.what == "cut":
        return data[: change.other % (len(data) + 1)]
    if change.what == "tensors":
        pattern = PATTERNS[change.at % len(PATTERNS)]
        at = change.other % max(len(tensors), 1)
        return data[: 8 + length] + tensors[:at] + pattern * 3 + tensors[at + 3 * len(pattern) :]
    if not isinstance(header, dict) or not names:
        return data
    name = names[change.at % len(names)]
    if change.what == "entry" and isinstance(header[name], dict) and header[name]:
        key = sorted(header[name])[change.other % len(header[name])]
        header[name][key] = DTYPES[change.at % len(DTYPES)] if key == "dtype" else change.value
    elif change.what == "metadata":
        header["__metadata__"] = change.value
    elif isinstance(header.get("__metadata__"), dict) and (said := header["__metadata__"]):
        key = "config" if change.what == "config" and "config" in said else sorted(said)[change.at % len(said)]
        if change.what == "description":
            said[key] = change.value if isinstance(change.value, str) else json.dumps(change.value)
        elif change.what == "deep":
            said[key] = "[" * 100_000
        else:
            said[key] = _with_other_value(said[key], change)
    return _joined(header, tensors)


def _with_other_value(text: object, change: Change) -> str:
    try:
        values = json.loads(str(text))
    except (ValueError, RecursionError):
        return str(text)
    values = copy.deepcopy(values)
    if isinstance(values, dict) and values:
        key = sorted(values)[change.other % len(values)]
        if change.at % 5 == 0:
            del values[key]
        elif isinstance(values[key], list) and values[key] and change.at % 2:
            values[key][change.other % len(values[key])] = change.value
        else:
            values[key] = change.value
    return json.dumps(values)


def _joined(header: object, tensors: bytes) -> bytes:
    text = json.dumps(header).encode("ascii")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + tensors
