"""Weight normalisation of convolutions (Salimans and Kingma 2016): for training only, plain weights
elsewhere.

A weight is `gain * direction / |direction|`, with one gain for each slice along the first axis. Both
functions leave the network's outputs as they are, up to rounding.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize


def add_weight_norm(model: nn.Module) -> None:
    """Let every convolution of `model` be trained by gain and direction."""
    for module in _convolutions(model):
        if not parametrize.is_parametrized(module, "weight"):
            parametrizations.weight_norm(module)


def remove_weight_norm(model: nn.Module) -> None:
    """The inverse: multiply them out, for inference and export."""
    for module in _convolutions(model):
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")


@torch.no_grad()
def folded(gain: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The weight for a stored `gain` `[N, 1, 1]` and `direction` `[N, M, kernel_size]`.

    By torch's own parametrisation: a weight that is rounded in another way gives now and then another code.
    """
    holder = nn.Module()
    holder.weight = nn.Parameter(direction)
    parametrizations.weight_norm(holder)
    holder.parametrizations.weight.original0.copy_(gain)
    holder.parametrizations.weight.original1.copy_(direction)
    return holder.weight.detach()


def _convolutions(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, (nn.Conv1d, nn.ConvTranspose1d))]
