"""What the generators of analysis and synthesis share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

    from nac_cli.models.codec import Codec

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


def pair_starts(groups: tuple[int, ...]) -> list[int]:
    """First channel of each rotated pair."""
    return [sum(groups[:i]) for i, size in enumerate(groups) if size == 2]


def whole_context(frames: int, strides: tuple[int, ...]) -> int:
    """`frames` rounded up so that no code is cut."""
    return -(-frames // max(strides)) * max(strides)


def device_of(model: Codec) -> torch.device:
    return next(model.parameters()).device
