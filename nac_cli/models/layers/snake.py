"""Snake activation (Ziyin et al. 2020; in DAC: Kumar et al. 2023, section 3.1; as in BigVGAN)."""

from __future__ import annotations

import torch
from torch import nn


class Snake(nn.Module):
    """`x + sin(a x)^2 / a`, one learned `a` per channel: `[B, D, T] -> [B, D, T]`. It makes periodic signals
    easy to continue, since what it adds repeats itself.

    As the official code (and unlike the paper) does, 1e-9 is added to the divisor.
    """

    def __init__(self, width: int):
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(1, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + (self.alpha + 1e-9).reciprocal() * torch.sin(self.alpha * x).square()
