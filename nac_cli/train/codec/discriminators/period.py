"""Multi-period discriminator: each member sees the samples that lie one period apart side by side."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional

from nac_cli.train.codec.discriminators.judgement import Ensemble, Judgement
from nac_cli.train.codec.discriminators.stack import Stack, judge

PERIODS = (2, 3, 5, 7, 11)
CHANNELS = (32, 128, 512, 1024, 1024)
SLOPE = 0.1


class PeriodDiscriminator(nn.Module):
    """Folds a waveform into rows of `period` samples and convolves down the columns (HiFi-GAN, section 2.3).

    Kernels are one column wide, so the columns, each a decimated copy of the waveform, are judged independently by
    the same weights. Kernels of 5, stride 3 but in the last layer, as in HiFi-GAN's published configuration.
    """

    def __init__(self, period: int, channels: tuple[int, ...] = CHANNELS):
        super().__init__()
        self.period = period
        strides = [3] * (len(channels) - 1) + [1]
        layers = [
            nn.Conv2d(wide[0], wide[1], (5, 1), (stride, 1), padding=(2, 0))
            for wide, stride in zip(pairwise((1, *channels)), strides)
        ]
        self.stack = Stack(layers, SLOPE)
        self.judge = judge(channels[-1], (3, 1))

    def forward(self, wav: torch.Tensor) -> Judgement:
        """`[B, 1, T]`, any T >= period -> logits `[B, 1, rows, period]`; the last row is filled by reflection."""
        missing = -wav.shape[-1] % self.period
        rows = functional.pad(wav, (0, missing), mode="reflect").unflatten(-1, (-1, self.period))
        features = self.stack(rows)
        return Judgement(self.judge(features[-1]), features)


def multi_period(periods: tuple[int, ...] = PERIODS, channels: tuple[int, ...] = CHANNELS) -> Ensemble:
    """One discriminator per period; primes, so that their views overlap as little as possible (HiFi-GAN, section 2.3;
    Improved RVQGAN, section 4.3). `channels` are the widths of the layers; five of a few dozen suit a CPU."""
    return Ensemble({f"period_{period}": PeriodDiscriminator(period, channels) for period in periods})
