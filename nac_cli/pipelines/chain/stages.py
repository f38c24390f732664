"""What the generators of analysis and synthesis share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

import numpy as np

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


@dataclass(frozen=True)
class Voices:
    """Which coded channels go through a model together: `inputs` `[V, M]` are those of each of V voices, M being the
    channels of the model. The first of a voice's channels, its carrier, holds its codes.

    A model of one channel has a voice for each coded channel. One of two has one for each pair, whose second channel
    has no codes, and one for each single channel, which it is given twice.
    """

    inputs: np.ndarray

    @classmethod
    def of(cls, groups: tuple[int, ...], model_channels: int) -> Voices:
        """For `groups` as in `StreamInfo`."""
        if model_channels == 1:
            return cls(np.arange(sum(groups))[:, None])
        firsts = np.cumsum((0, *groups[:-1]))
        return cls(np.stack([firsts, firsts + np.array(groups) - 1], axis=1))

    @property
    def carriers(self) -> np.ndarray:
        """`[V]`."""
        return self.inputs[:, 0]

    @cached_property
    def of_channels(self) -> np.ndarray:
        """The voice of each coded channel `[C]`."""
        voices = np.empty(self.inputs.max() + 1, np.int64)
        voices[self.inputs] = np.arange(len(self.inputs))[:, None]
        return voices

    def gather(self, samples: np.ndarray) -> np.ndarray:
        """`[C, L]` -> `[V, M, L]`."""
        return samples[self.inputs]

    def scatter(self, voices: np.ndarray) -> np.ndarray:
        """`[V, M, L]` -> `[C, L]`: the inverse; the mean of what a single channel has twice."""
        return np.stack([
            voices[voice][self.inputs[voice] == channel].mean(axis=0) for channel, voice in enumerate(self.of_channels)
        ])  # fmt: skip

    def spread(self, carried: np.ndarray, elsewhere: float) -> np.ndarray:
        """What carriers have, `[V, ...]` -> `[C, ...]` with `elsewhere` on the other channels."""
        spread = np.full((len(self.of_channels), *carried.shape[1:]), elsewhere, carried.dtype)
        spread[self.carriers] = carried
        return spread


CONTEXT_SECONDS = 4.0
"""What a network is given before and after a stretch at most: the memory of recurrent ones has no end.

EnCodec was trained on single seconds, so it has learnt to begin with an empty memory. What the rest of its memory
would have changed in the second after a seam, measured on the 24 kHz preset with random weights: no code, and sound by
-115 dB with 0.25 s of context, by -129 dB (rounding) with 0.5 s and more. A network of the tiny preset that was made to
remember for seconds (forget gates opened by 4 in the logit) has other codes even with 4 s."""


@dataclass(frozen=True)
class Surroundings:
    """Frames around a stretch that one half of a model is given with it, and `piece`, the frames of the stretch that it
    codes at once (None: all). Recurrent models code it at once."""

    before: int
    after: int
    piece: int | None

    @classmethod
    def of(cls, model: Codec, half: str, chunk_frames: int) -> Surroundings:
        """For the "encoder" or the "decoder". They reach no further than into the neighbouring chunks."""
        unit = max(*model.spec.strides, model.frame_multiple)
        most = min(_up(round(CONTEXT_SECONDS * model.spec.frame_rate), unit), chunk_frames // unit * unit)
        before, after = model.context(half)
        recurrent = before is None
        before = most if before is None else min(_up(before, unit), most)
        after = min(_up(after, max(model.spec.strides)), most)
        piece = _up(max(round(model.spec.frame_rate), 4 * (before + after)), unit)
        return cls(before, after, piece if model.heavy and not recurrent else None)

    def pieces(self, num_frames: int, before: int, after: int) -> Iterator[tuple[int, int, int, int]]:
        """How to work through `num_frames` frames with `before` and `after` others around them: of each piece, the
        first and last frame to give to the network, and those to take of what it makes, all counted from the first of
        all frames."""
        size = self.piece or num_frames
        for start in range(before, before + num_frames, size):
            stop = min(start + size, before + num_frames)
            yield max(start - self.before, 0), min(stop + self.after, before + num_frames + after), start, stop


def _up(frames: int, unit: int) -> int:
    return -(-frames // unit) * unit


def shares(voices: torch.Tensor, model: Codec) -> tuple[torch.Tensor, ...]:
    """What of a batch of voices goes through a model at once: each alone if it is heavy."""
    return voices.split(1) if model.heavy else (voices,)


def device_of(model: Codec) -> torch.device:
    return next(model.parameters()).device
