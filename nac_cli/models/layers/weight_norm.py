"""Weight normalisation (Salimans and Kingma 2016): on for training, folded into plain weights for all else.

A weight is a length for each slice along its first axis, times the slice's direction.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

PAIRS = {
    ".weight_g": ".weight_v", ".parametrizations.weight.original0": ".parametrizations.weight.original1"
}
"""Names of length and direction: torch's hook of old, and its parametrisation of today."""


def normalise(model: nn.Module) -> None:
    """Train `model`'s convolutions by length and direction from here on. Its outputs stay as they are."""
    for layer in _layers(model):
        if not parametrize.is_parametrized(layer, "weight"):
            parametrizations.weight_norm(layer)


def fold(model: nn.Module) -> None:
    """Undo `normalise`: plain weights of the same value, for inference and export."""
    for layer in _layers(model):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")


def fold_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state with every length and direction, in either naming, folded into `weight`; the rest unchanged. One
    that has no partner, or none that fits, stays as it is."""
    folded = dict(state)
    for name, length in state.items():
        for ending, direction_ending in PAIRS.items():
            module = name.removesuffix(ending)
            direction = state.get(module + direction_ending)
            if module != name and direction is not None and _fit(length, direction):
                folded[module + ".weight"] = _weight(folded.pop(name), folded.pop(module + direction_ending))
    return folded


def _fit(length: torch.Tensor, direction: torch.Tensor) -> bool:
    return direction.ndim > 0 and length.shape == (len(direction), *[1] * (direction.ndim - 1))


@torch.no_grad()
def _weight(length: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """By torch's own parametrisation: weights rounded in another way give now and then another code."""
    holder = nn.Module()
    holder.weight = nn.Parameter(direction.float())
    parametrizations.weight_norm(holder)
    holder.parametrizations.weight.original0.copy_(length)
    holder.parametrizations.weight.original1.copy_(direction)
    return holder.weight.detach()


def _layers(model: nn.Module) -> list[nn.Module]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d)]
