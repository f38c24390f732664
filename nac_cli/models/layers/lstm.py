"""LSTM over time with a skip connection (EnCodec, section 3.1)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from nac_cli.models.layers.streaming import State, StreamingLayer


@dataclass(frozen=True)
class LstmState:
    """`hidden` and `cell` `[layers, B, D]`."""

    hidden: torch.Tensor
    cell: torch.Tensor


class ResidualLstm(StreamingLayer):
    """`x + LSTM(x)`, `[B, D, L] -> [B, D, L]`. An output depends on all inputs up to its own: its memory has
    no end."""

    def __init__(self, width: int, layers: int):
        super().__init__()
        self.lstm = nn.LSTM(width, width, layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.step(x, None, True)[0]

    def step(self, x: torch.Tensor, state: LstmState | None, last: bool) -> tuple[torch.Tensor, State]:
        if not x.shape[-1]:
            return x, state
        before = (state.hidden, state.cell) if state else None
        y, after = self.lstm(x.permute(2, 0, 1), before)
        return x + y.permute(1, 2, 0), LstmState(*after)

    def sources(self, first: int, last: int) -> tuple[int, int]:
        """The output's own step only: earlier inputs reach it through the state."""
        return first, last
