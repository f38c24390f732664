"""The limit on the duration of what is decoded: a few bytes can claim years of silence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from nac_cli.errors import LimitExceeded

if TYPE_CHECKING:
    import numpy as np

    from nac_cli.values import StreamInfo

MAX_SECONDS = 360_000.0
"""Longest sound that is decoded unless more is asked for (100 hours)."""


def require_duration(info: StreamInfo, most: float) -> None:
    """Raise LimitExceeded for a stream that claims more than `most` seconds."""
    if info.duration is not None and not info.duration <= most:
        raise _beyond(f"the stream claims {info.duration:.0f} s of sound", most)


def within(blocks: Iterable[np.ndarray], sample_rate: int, most: float) -> Iterator[np.ndarray]:
    """Blocks `[C, T]` of sound whose length nobody knew. Raises LimitExceeded at the first beyond `most` seconds."""
    samples = 0
    for block in blocks:
        samples += block.shape[1]
        require_length(samples / sample_rate, most)
        yield block


def require_length(seconds: float, most: float) -> None:
    """Raise LimitExceeded where a stream has given more than `most` seconds."""
    if not seconds <= most:
        raise _beyond("the stream goes on", most)


def _beyond(what: str, most: float) -> LimitExceeded:
    return LimitExceeded(f"{what}, the limit is {most:.0f} s; a longer one can be allowed (--max-duration)")
