"""Layers that work on a signal as a whole or stretch by stretch, with the same result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import nn

State = Any
"""The state that a layer keeps between two steps: a frozen record of tensors, never changed in place, so that a stream
can be forked or taken back by keeping its state. None: nothing has arrived yet."""


class StreamingLayer(nn.Module, ABC):
    """`[B, D, n] -> [B, D', m]` over time; what follows in time never changes what has been given out."""

    @abstractmethod
    def step(self, x: torch.Tensor, state: State, last: bool) -> tuple[torch.Tensor, State]:
        """The next stretch `[B, D, n]`, n >= 0, of a signal -> the outputs `[B, D', m]` that are certain now,
        and the new state. With `last`, nothing follows. The outputs of all steps in sequence are `forward` of
        the whole."""

    @abstractmethod
    def sources(self, first: int, last: int) -> tuple[int, int]:
        """First and last input that the outputs `first` to `last` depend on, far from either end of the
        signal."""


class Chain(nn.Sequential, StreamingLayer):
    """Layers one after another. Those that are no `StreamingLayer` treat each moment by itself (activations).

    An empty chain is the identity.
    """

    def step(self, x: torch.Tensor, state: State, last: bool) -> tuple[torch.Tensor, State]:
        after = []
        for layer, before in zip(self, state or [None] * len(self), strict=True):
            if isinstance(layer, StreamingLayer):
                x, before = layer.step(x, before, last)
            else:
                x = layer(x)
            after.append(before)
        return x, tuple(after)

    def sources(self, first: int, last: int) -> tuple[int, int]:
        for layer in reversed(list(self)):
            if isinstance(layer, StreamingLayer):
                first, last = layer.sources(first, last)
        return first, last
