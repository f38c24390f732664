"""A learned lapped transform: frames of two hops, each a linear map from or to a latent.

An MDCT and any other linear transform of that support are special cases of it. It starts as an MDCT of the lowest
frequencies (Princen, Johnson and Bradley 1987), so that waveforms are kept there from the first step on, and as nothing
above them.
"""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.spectrum import overlap_add

SHARE = 8
"""One of so many latent channels starts as an MDCT coefficient."""
GAIN = 0.2
"""Of a coefficient in the latent, at the start: sound of unit power gives coefficients well above the rest of it."""


class LappedAnalysis(nn.Module):
    """`[B, F * hop_length]` -> `[B, F, D]`; samples beyond either end count as zero."""

    def __init__(self, hop_length: int, width: int):
        super().__init__()
        self.hop_length = hop_length
        self.map = nn.Linear(2 * hop_length, width, bias=False)
        with torch.no_grad():
            self.map.weight.copy_(GAIN * _start(hop_length, width))

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        halves = functional.pad(wav, _margins(self.hop_length)).unflatten(1, (-1, self.hop_length))
        return self.map(torch.cat([halves[:, :-1], halves[:, 1:]], 2))


class LappedSynthesis(nn.Module):
    """`[B, F, D]` -> `[B, F * hop_length]`, in float32: rounding would be heard as noise over all frequencies."""

    def __init__(self, hop_length: int, width: int):
        super().__init__()
        self.hop_length = hop_length
        self.map = nn.Linear(width, 2 * hop_length, bias=False)
        with torch.no_grad():
            self.map.weight.copy_(_start(hop_length, width).T)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        with torch.autocast(latent.device.type, enabled=False):
            wav = overlap_add(self.map(latent.float()), self.hop_length)
        before, after = _margins(self.hop_length)
        return wav[:, before : wav.shape[1] - after]


def _margins(hop_length: int) -> tuple[int, int]:
    """Samples of the first frame before the first hop, and of the last one after the last."""
    return hop_length // 2, hop_length - hop_length // 2


def _start(hop_length: int, width: int) -> torch.Tensor:
    """`[D, 2 * hop_length]`: sine-windowed MDCT basis functions of the lowest frequencies, then zeros."""
    coefficients = torch.arange(min(max(width // SHARE, 1), hop_length)).unsqueeze(1)
    samples = torch.arange(2 * hop_length)
    angles = math.pi / hop_length * (samples + 0.5 + hop_length / 2) * (coefficients + 0.5)
    basis = (2 / hop_length) ** 0.5 * angles.cos() * (math.pi * (samples + 0.5) / (2 * hop_length)).sin()
    return torch.cat([basis, basis.new_zeros(width - len(basis), 2 * hop_length)])
