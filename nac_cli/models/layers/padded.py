"""Convolutions over time that keep the length: L samples become ceil(L / stride), and L frames L * stride
samples.

Both are those of EnCodec (section 3.1). Causal ones have all their padding before the first sample; the
others have it on both sides, the odd one before. The paper does not say what the padding is; the official
code reflects the signal, and so do we. A causal convolution therefore needs its first few inputs before it
can give its first output, and none beyond the present one afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from nac_cli.models.layers.streaming import State, StreamingLayer


def reflect(x: torch.Tensor, before: int, after: int) -> torch.Tensor:
    """`[B, D, L] -> [B, D, before + L + after]`, mirrored at the first and at the last sample.

    A signal too short for that is first lengthened by zeros at its end, which go again after the mirroring.
    """
    lacking = max(before, after) + 1 - x.shape[-1]
    if lacking <= 0:
        return functional.pad(x, (before, after), "reflect")
    return functional.pad(functional.pad(x, (0, lacking)), (before, after), "reflect")[..., :-lacking]


@dataclass(frozen=True)
class ConvState:
    """`waiting` `[B, D, n]`: inputs that coming outputs need; `padded`: whether the padding before them is
    there yet."""

    waiting: torch.Tensor
    padded: bool


class PaddedConv(StreamingLayer):
    """Convolution `[B, D, L] -> [B, D', ceil(L / stride)]`; with `norm`, normalised over channels and time as
    one."""

    def __init__(
        self,
        width_in: int,
        width_out: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        *,
        causal: bool = True,
        norm: bool = False,
    ):
        super().__init__()
        self.conv = nn.Conv1d(width_in, width_out, kernel_size, stride, dilation=dilation)
        self.norm = nn.GroupNorm(1, width_out) if norm else nn.Identity()
        self.stride = stride
        self.span = (kernel_size - 1) * dilation + 1
        self.padding = self.span - stride
        self.before = self.padding if causal else self.padding - self.padding // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        missing = -x.shape[-1] % self.stride
        return self.norm(self._convolve(reflect(x, self.before, self.padding - self.before + missing)))

    def step(self, x: torch.Tensor, state: ConvState | None, last: bool) -> tuple[torch.Tensor, State]:
        x = x if state is None else torch.cat([state.waiting, x], -1)
        if state is None or not state.padded:
            if last:
                return self(x), None
            if x.shape[-1] <= self.padding:  # what is mirrored before the first sample is not all there
                return self._convolve(x[..., :0]), ConvState(x, False)
            x = reflect(x, self.padding, 0)
        elif last:
            x = reflect(x, 0, (self.padding - x.shape[-1]) % self.stride)
        y = self._convolve(x)
        return y, ConvState(x[..., y.shape[-1] * self.stride :], True)

    def sources(self, first: int, last: int) -> tuple[int, int]:
        return first * self.stride - self.before, last * self.stride - self.before + self.span - 1

    def _convolve(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) if x.shape[-1] >= self.span else x.new_empty(len(x), self.conv.out_channels, 0)


@dataclass(frozen=True)
class TransposedState:
    """`tail` `[B, D', kernel_size - stride]`: what past frames add to samples of those to come."""

    tail: torch.Tensor


class TrimmedTransposedConv(StreamingLayer):
    """Transposed convolution `[B, D, L] -> [B, D', L * stride]`: the mirror image of a padded one.

    A causal one gives the first `stride` samples of each frame as soon as the frame is there, and keeps what
    reaches further for those that follow (section 3.1, "Streamable").
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        kernel_size: int,
        stride: int,
        *,
        causal: bool = True,
        norm: bool = False,
    ):
        super().__init__()
        self.conv = nn.ConvTranspose1d(width_in, width_out, kernel_size, stride)
        self.norm = nn.GroupNorm(1, width_out) if norm else nn.Identity()
        self.stride, self.span = stride, kernel_size
        self.excess = kernel_size - stride
        self.before = 0 if causal else self.excess - self.excess // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not x.shape[-1]:
            return self._nothing(x)
        y = self.norm(self.conv(x))  # statistics include what is trimmed, as in the official code
        return y[..., self.before : self.before + x.shape[-1] * self.stride]

    def step(self, x: torch.Tensor, state: TransposedState | None, last: bool) -> tuple[torch.Tensor, State]:
        if not x.shape[-1]:
            return self._nothing(x), state
        y = functional.conv_transpose1d(x, self.conv.weight, None, self.stride)
        if state:
            y = y + functional.pad(state.tail, (0, y.shape[-1] - self.excess))
        ready = x.shape[-1] * self.stride
        return y[..., :ready] + self.conv.get_parameter("bias").unsqueeze(-1), TransposedState(y[..., ready:])

    def sources(self, first: int, last: int) -> tuple[int, int]:
        return -(-(first + self.before - self.span + 1) // self.stride), (last + self.before) // self.stride

    def _nothing(self, x: torch.Tensor) -> torch.Tensor:
        return x.new_empty(len(x), self.conv.out_channels, 0)
