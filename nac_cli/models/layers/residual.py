"""The residual unit of EnCodec's encoder and decoder (section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from nac_cli.models.layers.padded import PaddedConv
from nac_cli.models.layers.streaming import Chain, State, StreamingLayer


@dataclass(frozen=True)
class ResidualState:
    """States of both ways, and `waiting` `[B, D, n]`: what the shortcut gave before the block could."""

    block: State
    shortcut: State
    waiting: torch.Tensor


class ResidualUnit(StreamingLayer):
    """ELU and a dilated convolution to fewer channels, ELU and back, added to a shortcut. `[B, D, L] -> [B,
    D, L]`.

    The paper speaks of two convolutions of kernel size 3 and a skip connection. The official code has kernel
    sizes 3 and 1, half of the channels in between, and a convolution of kernel size 1 for the skip; we follow
    it, and have the identity without `conv_shortcut` (as MusicGen's EnCodec).
    """

    def __init__(
        self,
        width: int,
        hidden_width: int,
        kernel_size: int,
        dilation: int,
        *,
        causal: bool,
        norm: bool,
        conv_shortcut: bool,
    ):
        super().__init__()
        self.block = Chain(
            nn.ELU(),
            PaddedConv(width, hidden_width, kernel_size, dilation=dilation, causal=causal, norm=norm),
            nn.ELU(),
            PaddedConv(hidden_width, width, 1, causal=causal, norm=norm),
        )
        self.shortcut = PaddedConv(width, width, 1, causal=causal, norm=norm) if conv_shortcut else Chain()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.block(x)

    def step(self, x: torch.Tensor, state: ResidualState | None, last: bool) -> tuple[torch.Tensor, State]:
        state = state or ResidualState(None, None, x[..., :0])
        y, block = self.block.step(x, state.block, last)
        beside, shortcut = self.shortcut.step(x, state.shortcut, last)
        waiting, ready = torch.cat([state.waiting, beside], -1), y.shape[-1]
        return waiting[..., :ready] + y, ResidualState(block, shortcut, waiting[..., ready:])

    def sources(self, first: int, last: int) -> tuple[int, int]:
        return self.block.sources(first, last)
