"""Lookahead of one item in a stream of chunks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def with_next(items: Iterable[T]) -> Iterator[tuple[T, T | None]]:
    """Each item with the one after it, None at the end; one item is held back."""
    current = None
    for following in items:
        if current is not None:
            yield current, following
        current = following
    if current is not None:
        yield current, None
