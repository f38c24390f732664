"""Neighbours of items in a stream of chunks, by a lookahead of one."""

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


def with_neighbours(items: Iterable[T]) -> Iterator[tuple[T | None, T, T | None]]:
    """Each item between the one before it, None at the start, and the one after it, None at the end."""
    before = None
    for current, following in with_next(items):
        yield before, current, following
        before = current
