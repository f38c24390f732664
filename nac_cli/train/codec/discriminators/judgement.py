"""The contract: a discriminator turns a waveform into a judgement, an ensemble into a list of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class Judgement:
    """One discriminator's view of a batch: `logits` `[B, 1, ...]`, high where it takes the sound for a recording, and
    `features`, the activations `[B, channels, ...]` of its hidden layers from the first to the last."""

    logits: torch.Tensor
    features: tuple[torch.Tensor, ...]


class Ensemble(nn.ModuleDict):
    """Named discriminators that judge the same waveform, each by itself. `Ensemble({**one, **other})` joins two.

    The names are part of a checkpoint's keys, so that changed sizes cannot be loaded as if they were the same.
    """

    def forward(self, wav: torch.Tensor) -> list[Judgement]:
        """`wav` float32 `[B, 1, T]` -> one judgement per discriminator, in the order of their construction."""
        return [discriminator(wav) for discriminator in self.values()]
