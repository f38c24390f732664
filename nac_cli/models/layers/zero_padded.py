"""A convolution over time that keeps the length, with silence before the signal and after it."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.streaming import State, StreamingLayer


class ZeroPaddedConv(StreamingLayer):
    """Convolution `[B, D, L] -> [B, D', L / stride]`, L a multiple of `stride`.

    `kernel_size - stride` zeros are half before and half after the signal, or all before it in a `causal`
    one, which gives each output as soon as the last of its `stride` inputs is there.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        kernel_size: int,
        stride: int = 1,
        *,
        causal: bool = False,
        bias: bool = True,
    ):
        super().__init__()
        self.conv = nn.Conv1d(width_in, width_out, kernel_size, stride, bias=bias)
        self.stride, self.span = stride, kernel_size
        self.padding = kernel_size - stride
        self.before = self.padding if causal else self.padding // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(functional.pad(x, (self.before, self.padding - self.before)))

    def step(self, x: torch.Tensor, state: State, last: bool) -> tuple[torch.Tensor, State]:
        """For causal ones. The state is the inputs that coming outputs need, `[B, D, n]`."""
        x = functional.pad(x, (self.padding, 0)) if state is None else torch.cat([state, x], -1)
        if x.shape[-1] < self.span:
            return x.new_empty(len(x), self.conv.out_channels, 0), x
        y = self.conv(x)
        return y, x[..., y.shape[-1] * self.stride :]

    def sources(self, first: int, last: int) -> tuple[int, int]:
        return first * self.stride - self.before, last * self.stride - self.before + self.span - 1
