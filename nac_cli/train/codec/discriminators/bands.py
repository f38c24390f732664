"""Multi-band multi-scale complex STFT discriminator: every band of the spectrum has convolutions of its own."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from nac_cli.train.codec.discriminators.judgement import Ensemble, Judgement
from nac_cli.train.codec.discriminators.spectrogram import Spectrogram
from nac_cli.train.codec.discriminators.stack import Stack, judge

WINDOWS = (2048, 1024, 512)
EDGES = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0)
CHANNELS = 32
SLOPE = 0.1


class BandDiscriminator(nn.Module):
    """Splits a complex spectrogram into bands, convolves each by itself, judges them together (Improved RVQGAN,
    sections 3.4 and 4.3: windows, hop of a quarter window and band edges).

    A band of its own keeps what is wrong with quiet high frequencies from drowning in the loud low ones. The paper is
    silent on the layers; sizes and slope here are those of its published code.
    """

    def __init__(self, window: int, edges: tuple[float, ...] = EDGES, channels: int = CHANNELS):
        super().__init__()
        self.spectrogram = Spectrogram(window)
        self.bands = band_slices(window // 2 + 1, edges)
        self.stacks = nn.ModuleList(Stack(_convolutions(channels), SLOPE) for _ in self.bands)
        self.judge = judge(channels, (3, 3))

    def forward(self, wav: torch.Tensor) -> Judgement:
        """`[B, 1, T]`, any T > 0 -> logits `[B, 1, F, bins / 8]`, features band after band."""
        spectrogram = self.spectrogram(wav)
        activations = [stack(spectrogram[..., band]) for stack, band in zip(self.stacks, self.bands)]
        logits = self.judge(torch.cat([band[-1] for band in activations], dim=-1))
        return Judgement(logits, tuple(feature for band in activations for feature in band))


def multi_band(
    windows: tuple[int, ...] = WINDOWS, edges: tuple[float, ...] = EDGES, channels: int = CHANNELS
) -> Ensemble:
    """One discriminator per window; `edges` as shares of half the sample rate, rising from 0 to 1."""
    return Ensemble({f"bands_{window}": BandDiscriminator(window, edges, channels) for window in windows})


def band_slices(bins: int, edges: tuple[float, ...]) -> list[slice]:
    """The bands of a spectrum of `bins` bins: adjacent, none twice, none left out."""
    return [slice(*band) for band in pairwise(int(edge * bins) for edge in edges)]


def _convolutions(channels: int) -> list[nn.Conv2d]:
    halving = [nn.Conv2d(channels, channels, (3, 9), (1, 2), padding=(1, 4)) for _ in range(3)]
    return [
        nn.Conv2d(2, channels, (3, 9), padding=(1, 4)),
        *halving,
        nn.Conv2d(channels, channels, (3, 3), padding=(1, 1)),
    ]
