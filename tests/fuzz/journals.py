"""Changed journals of archives: other values in their lines, lines that are cut, doubled, exchanged, or bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import strategies as st

TEXTS = (
    "", "..", "../x", "a/../../x", "/etc/passwd", ".nac/journal.jsonl", ".NAC/lock", "a//b", "a\0b", "a/", "./a",
    "x" * 300, "a\nb", "\x1b[2Jx", "\u202egnp.exe", "<script>alert(1)</script>", "\ud800", "\udc80", "song.nac",
    "song.wav", "c:\\x",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(TEXTS),
    st.sampled_from([-1, 0, 1, 2**31, 2**63 - 1, 2**63, -(2**63), 10**30, 1.5, float("nan"), float("inf"), True, None]),
    st.sampled_from([[], {}, [1], ["x"], {"a": 1}]),
)


@dataclass(frozen=True)
class Change:
    """`what` is one of KINDS, at line `at` that wraps round."""

    what: str
    at: int
    other: int
    value: object


KINDS = (
    "value",
    "value",
    "value",
    "path",
    "target",
    "target",
    "missing",
    "cut",
    "double",
    "swap",
    "drop",
    "byte",
    "raw",
)
RAW = (
    b"[]",
    b"3",
    b'"x"',
    b"null",
    b"{}",
    b'{"event": []}',
    b'{"event": "run"}',
    b"[" * 100_000,
    b"9" * 10_000,
    b"\xff\xfe",
)
CHANGES = st.lists(
    st.builds(Change, st.sampled_from(KINDS), st.integers(0, 200), st.integers(0, 2000), VALUES), min_size=1, max_size=3
)


def changed(journal: bytes, changes: list[Change]) -> bytes:
    lines = journal.splitlines()
    for change in changes:
        if lines:
            _one(lines, change)
    return b"".join(line + b"\n" for line in lines)


def _one(lines: list[bytes], change: Change) -> None:
    at, other = change.at % len(lines), change.other % len(lines)
    line = lines[at]
    match change.what:
        case "cut":
            lines[at] = line[: change.other % (len(line) + 1)]
        case "double":
            lines.insert(other, line)
        case "swap":
            lines[at], lines[other] = lines[other], line
        case "drop":
            del lines[at]
        case "byte" if line:
            place = change.other % len(line)
            lines[at] = line[:place] + bytes([line[place] ^ 1 << change.at % 8]) + line[place + 1 :]
        case "raw":
            lines[at] = RAW[change.other % len(RAW)]
        case "value" | "path" | "target" | "missing":
            try:
                values = json.loads(line)
                names = sorted(values)
                key = change.what if change.what in values else names[change.other % len(names)]
                values[key] = change.value
            except (ValueError, TypeError, RecursionError, ZeroDivisionError):
                return
            if change.what == "missing":
                del values[key]
            lines[at] = json.dumps(values).encode("ascii")
