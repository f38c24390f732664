"""format_spec.md, and the examples and tables in it."""

from __future__ import annotations

import re
from pathlib import Path

SPEC = (Path(__file__).parents[2] / "format_spec.md").read_text(encoding="utf-8")


def example(kind: str, name: str) -> str:
    """The fenced block that starts with ```kind name."""
    return re.search(rf"^```{kind} {name}\n(.*?)^```", SPEC, re.DOTALL | re.MULTILINE)[1]


def example_bytes(name: str) -> bytes:
    """Pairs of hexadecimal digits before the semicolon of each line."""
    return b"".join(bytes.fromhex(line.partition(";")[0]) for line in example("hex", name).splitlines())


def table(heading: str) -> list[list[str]]:
    """Cells of the first table after `heading`, without its head and without ` marks."""
    lines = SPEC[SPEC.index(heading) :].splitlines()
    first = next(i for i, line in enumerate(lines) if line.startswith("|---"))
    rows = []
    for line in lines[first + 1 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split("|")])
    return rows
