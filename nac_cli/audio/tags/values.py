"""Tags of sound files in one vocabulary: Vorbis comment keys and FLAC pictures."""

from __future__ import annotations

import re
from collections.abc import Iterable


def clean_key(name: str) -> str:
    """A Vorbis comment key made of `name`: upper case, `_` for what a key may not hold (RFC 9639, 8.6)."""
    return re.sub(r"[^\x20-\x3c\x3e-\x7d]", "_", name.strip().upper()) or "_"


def decoded(data: bytes) -> str | None:
    """Text in UTF-8, or else in Windows' extension of Latin-1; None if it is neither."""
    for encoding in ("utf-8", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def counted(key: str, number: str) -> list[tuple[str, str]]:
    """The items of a number that may say out of how many, as in "3/12" for TRACKNUMBER and TRACKTOTAL."""
    first, slash, total = number.strip().partition("/")
    items = [(key, first.strip())] if first.strip() else []
    if slash and total.strip():
        items.append((key.replace("NUMBER", "TOTAL"), total.strip()))
    return items


def grouped(items: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Values by key in upper case, both in the order of their first appearance: keys compare without case."""
    groups: dict[str, list[str]] = {}
    for key, value in items:
        groups.setdefault(key.upper(), []).append(value)
    return groups
