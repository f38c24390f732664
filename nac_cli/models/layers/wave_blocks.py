"""The blocks that DAC and SNAC share: dilated residual units between strided convolutions, at the waveform's
resolution.

From Improved RVQGAN (Kumar et al. 2023, section 4.3), whose paper gives strides and widths only; kernel
sizes, dilations and paddings are those of the official code. SNAC (Siuzdak et al. 2024, section 3) makes the
wide convolutions depthwise and adds noise. All layers are `[B, D, T] -> [B, D', T']`; what lies beyond either
end counts as zero at every layer.
"""

from __future__ import annotations

import torch
from torch import nn

from nac_cli.models.layers.noise import SampleNoise
from nac_cli.models.layers.snake import Snake

DILATIONS = (1, 3, 9)
KERNEL = 7


class ResidualUnit(nn.Module):
    """Snake, dilated convolution, Snake, mix of the channels; added to the input."""

    def __init__(self, width: int, dilation: int, depthwise: bool):
        super().__init__()
        padding, groups = dilation * (KERNEL // 2), width if depthwise else 1
        self.layers = nn.Sequential(
            Snake(width),
            nn.Conv1d(width, width, KERNEL, dilation=dilation, padding=padding, groups=groups),
            Snake(width),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class EncoderBlock(nn.Module):
    """Residual units, then `stride` times shorter and twice as wide: `[B, D, stride * T] -> [B, 2 D, T]`."""

    def __init__(self, width: int, stride: int, depthwise: bool = False):
        super().__init__()
        self.layers = nn.Sequential(
            *(ResidualUnit(width, dilation, depthwise) for dilation in DILATIONS),
            Snake(width),
            nn.Conv1d(width, 2 * width, 2 * stride, stride, padding=-(-stride // 2)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


class DecoderBlock(nn.Module):
    """`stride` times longer and half as wide, then residual units: `[B, D, T] -> [B, D / 2, stride * T]`.

    With an odd stride the transposed convolution comes out one step short unless `whole`, as SNAC has it; DAC
    leaves it at that. `noise` puts a noise block after it, whose numbers `[B, 1, stride * T]` go to
    `forward`.
    """

    def __init__(self, width: int, stride: int, depthwise: bool = False, noise: bool = False, whole: bool = True):
        super().__init__()
        half, padding, missing = width // 2, -(-stride // 2), stride % 2 if whole else 0
        up = nn.ConvTranspose1d(width, half, 2 * stride, stride, padding, output_padding=missing)
        self.layers = nn.ModuleList(
            [
                Snake(width),
                up,
                *([SampleNoise(half)] if noise else []),
                *(ResidualUnit(half, dilation, depthwise) for dilation in DILATIONS),
            ]
        )

    def forward(self, x: torch.Tensor, noise: torch.Tensor | None = None) -> torch.Tensor:
        for layer in self.layers:
            x = layer(x, noise) if isinstance(layer, SampleNoise) else layer(x)
        return x
