"""Weight normalisation (Salimans and Kingma 2016): on for training, folded into plain weights for everything
else.

DAC and SNAC train every convolution as length times direction, `w = g v / |v|`, a length for each output
channel (for each input channel where the convolution is transposed: the first axis in either case), and the
projections of their quantizers likewise. Our modules hold plain weights, which is all that inference needs.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from nac_cli.models.quantizers.vq import VectorQuantizer

PAIRS = {".weight_g": ".weight_v", ".parametrizations.weight.original0": ".parametrizations.weight.original1"}
"""Names of length and direction: torch's hook of old, and its parametrisation of today."""


def normalise(model: nn.Module) -> None:
    """Train `model` with weight normalisation from here on. Its outputs stay as they are.

    Whatever writes into weights directly (k-means initialisation, revival of the projections) has to come
    before.
    """
    for layer in _layers(model):
        if not parametrize.is_parametrized(layer, "weight"):
            parametrizations.weight_norm(layer)


def fold(model: nn.Module) -> None:
    """Undo `normalise`: plain weights of the same value."""
    for layer in _layers(model):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")


def fold_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state with every length and direction, in either naming, folded into `weight`; the rest unchanged.
    A length without its direction stays as it is."""
    folded = dict(state)
    for name, length in state.items():
        for ending, direction_ending in PAIRS.items():
            module = name.removesuffix(ending)
            if module != name and module + direction_ending in state:
                direction = folded.pop(module + direction_ending)
                del folded[name]
                folded[module + ".weight"] = _weight(length, direction)
    return folded


def _weight(length: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    axes = tuple(range(1, direction.dim()))
    return direction * (length / torch.linalg.vector_norm(direction, dim=axes, keepdim=True))


def _layers(model: nn.Module) -> list[nn.Module]:
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d)]
    planes = [layer for layer in model.modules() if isinstance(layer, VectorQuantizer)]
    return convolutions + [layer for plane in planes for layer in (plane.project_in, plane.project_out)]
