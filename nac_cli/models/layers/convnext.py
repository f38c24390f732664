"""ConvNeXt block over time (Liu et al. 2022, section 2; used at the frame rate as in Vocos, Siuzdak 2023, section
3)."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class ConvNeXtBlock(nn.Module):
    """Depthwise convolution over frames, then a two-layer perceptron on each frame, added to the input.

    `[B, F, D] -> [B, F, D]`. Frames beyond either end count as zero. One frame sees `kernel_size // 2` on each side.
    `scale` multiplies the initial weights of the update.
    """

    def __init__(self, width: int, expansion: int, kernel_size: int, scale: float):
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, kernel_size, padding=kernel_size // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up = nn.Linear(width, expansion * width)
        self.activation = nn.GELU()
        self.down = nn.Linear(expansion * width, width)
        self.context = kernel_size // 2
        with torch.no_grad():
            self.down.weight.mul_(scale)  # deep stacks start close to the identity

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        update = self.down(self.activation(self.up(self.norm(self._over_time(x)))))
        return x + update

    def _over_time(self, x: torch.Tensor) -> torch.Tensor:
        """The depthwise convolution, as one over images of height 1: there frames may stay in order, channel by
        channel, where a Conv1d copies them to and fro. In float32 always, which is faster than bfloat16."""
        layer = self.depthwise
        with torch.autocast(x.device.type, enabled=False):
            image = x.float().transpose(1, 2).unsqueeze(2)
            image = functional.conv2d(
                image, layer.weight.unsqueeze(2), layer.bias, padding=(0, self.context), groups=x.shape[2]
            )
        return image.squeeze(2).transpose(1, 2)
