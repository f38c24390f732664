"""The input of the STFT discriminators: complex bins as two channels, with a power law on their magnitude if wanted."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.spectrum import Spectrum, compress


class Spectrogram(nn.Module):
    """STFT with a Hann window of `window` samples and a hop of `window // overlap`, computed in float32 even under
    autocast. White noise of unit power has bins of unit mean power; a bin X becomes X |X|^(power - 1)."""

    def __init__(self, window: int, overlap: int = 4, power: float = 1.0):
        super().__init__()
        self.hop_length, self.power = window // overlap, power
        self.spectrum = Spectrum(window, self.hop_length)

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        """`[B, 1, T]`, any T > 0 -> `[B, 2, F, window // 2 + 1]`, F = ceil(T / hop); what lies beyond T is silence."""
        with torch.autocast(wav.device.type, enabled=False):
            # One sample more than whole hops: a window may exceed its hop by an odd number, which cannot be halved.
            missing = -wav.shape[-1] % self.hop_length + 1
            bins = self.spectrum(functional.pad(wav[:, 0].float(), (0, missing)))
            return compress(bins, self.power).permute(0, 3, 1, 2)
