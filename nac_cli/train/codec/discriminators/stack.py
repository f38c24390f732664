"""The trunk of every discriminator: weight-normalised convolutions, each followed by a leaky ReLU."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm


class Stack(nn.Module):
    """2-D convolutions with weight normalisation (Salimans and Kingma 2016) and leaky ReLUs of the given slope."""

    def __init__(self, convolutions: Iterable[nn.Conv2d], slope: float):
        super().__init__()
        self.layers = nn.ModuleList(weight_norm(convolution) for convolution in convolutions)
        self.slope = slope

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """`[B, channels, height, width]` -> the activations of all layers, first to last."""
        activations = []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), self.slope)
            activations.append(x)
        return tuple(activations)


def judge(channels: int, kernel: tuple[int, int]) -> nn.Conv2d:
    """The last convolution, from a stack's activations to logits: one output channel, nothing after it."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    return weight_norm(nn.Conv2d(channels, 1, kernel, padding=padding))
