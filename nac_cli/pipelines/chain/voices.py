"""Voices: the coded channels that go through a model together, one batch item each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

    from nac_cli.models.codec import Codec


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
        """The channel that holds the codes of each voice `[V]`."""
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
        """Values of the carriers `[V, ...]` -> `[C, ...]`, with `elsewhere` on the other channels."""
        spread = np.full((len(self.of_channels), *carried.shape[1:]), elsewhere, carried.dtype)
        spread[self.carriers] = carried
        return spread


def batches_of(voices: torch.Tensor, model: Codec) -> tuple[torch.Tensor, ...]:
    """A batch of voices in the batches that go through `model` at once: voices one by one if the model is heavy."""
    return voices.split(1) if model.heavy else (voices,)


def device_of(model: Codec) -> torch.device:
    return next(model.parameters()).device
