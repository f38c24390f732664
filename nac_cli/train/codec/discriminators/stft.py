"""Multi-scale complex STFT discriminator, in EnCodec's form and with the changes of TAAE."""

from __future__ import annotations

import torch
from torch import nn

from nac_cli.train.codec.discriminators.judgement import Ensemble, Judgement
from nac_cli.train.codec.discriminators.spectrogram import Spectrogram
from nac_cli.train.codec.discriminators.stack import Stack, judge

WINDOWS = (2048, 1024, 512, 256, 128)
"""Windows in samples at 24 kHz; doubled for 48 kHz (EnCodec, section 3.4)."""

GOLDEN_WINDOWS = (2296, 1418, 876, 542, 334, 206, 126, 78)
"""Windows in samples, neighbours in the golden ratio. Windows that share divisors are sensitive at the same regular
places in time and frequency, and a generator learns periodic artefacts there (TAAE, appendix B.5)."""

CHANNELS = 32
DILATIONS = (1, 2, 4)
SLOPE = 0.2


class StftDiscriminator(nn.Module):
    """Convolves a complex spectrogram, ever wider in time and coarser in frequency (EnCodec, section 3.4, figure 2)."""

    def __init__(self, window: int, channels: int = CHANNELS, overlap: int = 4, power: float = 1.0):
        super().__init__()
        self.spectrogram = Spectrogram(window, overlap, power)
        widening = [
            nn.Conv2d(channels, channels, (3, 8), (1, 2), padding=(dilation, 3), dilation=(dilation, 1))
            for dilation in DILATIONS
        ]
        first, last = nn.Conv2d(2, channels, (3, 8), padding=(1, 3)), nn.Conv2d(channels, channels, (3, 3), padding=1)
        self.stack = Stack([first, *widening, last], SLOPE)
        self.judge = judge(channels, (3, 3))

    def forward(self, wav: torch.Tensor) -> Judgement:
        """`[B, 1, T]`, any T > 0 -> logits `[B, 1, F, window // 16]`."""
        features = self.stack(self.spectrogram(wav))
        return Judgement(self.judge(features[-1]), features)


def multi_stft(
    windows: tuple[int, ...] = WINDOWS, channels: int = CHANNELS, overlap: int = 4, power: float = 1.0
) -> Ensemble:
    """One discriminator per window of 16 samples or more, with hops of `window // overlap`."""
    return Ensemble({f"stft_{window}": StftDiscriminator(window, channels, overlap, power) for window in windows})


def golden_stft(windows: tuple[int, ...] = GOLDEN_WINDOWS, channels: int = 256) -> Ensemble:
    """TAAE's form (sections 3.3 and 4.2, appendix B.5): half-overlapping windows, eight times EnCodec's channels, and
    bins X |X|^(1/2): a discriminator left to itself ends up looking at the inaudible noise floor, and this makes
    quiet bins count less."""
    return multi_stft(windows, channels, overlap=2, power=1.5)
