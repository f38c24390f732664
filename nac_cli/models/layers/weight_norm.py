"""Weight normalisation (Salimans and Kingma 2016): for training only, plain weights elsewhere.

A weight is `gain * direction / |direction|`, with one gain for each slice along the first axis. The published
codecs train every convolution so, DAC and SNAC the projections of their quantizers too. All functions leave a
network's outputs as they are, up to rounding.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.utils import parametrizations, parametrize

from nac_cli.models.quantizers.vq import VectorQuantizer

PAIRS = {".weight_g": ".weight_v", ".parametrizations.weight.original0": ".parametrizations.weight.original1"}
"""Names of gain and direction: torch's hook of old, and its parametrisation of today."""


def add_weight_norm(model: nn.Module) -> None:
    """Let every convolution and projection of `model` be trained by gain and direction.

    Whatever writes into weights directly has to come before, or to use `set_weight` and `load_plain_state`.
    """
    for layer in _layers(model):
        if not parametrize.is_parametrized(layer, "weight"):
            parametrizations.weight_norm(layer)


def remove_weight_norm(model: nn.Module) -> None:
    """The inverse: multiply them out, for inference and export."""
    for layer in _layers(model):
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")


@torch.no_grad()
def set_weight(layer: nn.Module, weight: torch.Tensor) -> None:
    """Replace the weight of `layer`, or the gain and direction that it has instead; the parameters stay the tensors
    that an optimizer knows."""
    if not parametrize.is_parametrized(layer, "weight"):
        layer.get_parameter("weight").copy_(weight)
        return
    _set_pair(layer, torch.norm_except_dim(weight, 2, 0), weight)


def load_plain_state(model: nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Load a state without weight normalisation into a model that may have it. What `state` has no value for stays."""
    rest = dict(state)
    for name, layer in model.named_modules():
        if parametrize.is_parametrized(layer, "weight") and f"{name}.weight" in rest:
            set_weight(layer, rest.pop(f"{name}.weight"))
    model.load_state_dict(rest, strict=False)


@torch.no_grad()
def folded(gain: torch.Tensor, direction: torch.Tensor) -> torch.Tensor:
    """The weight for a stored `gain` `[N, 1, ...]` and `direction` `[N, M, ...]`.

    By torch's own parametrisation: a weight that is rounded in another way gives now and then another code.
    """
    holder = _Holder(direction)
    parametrizations.weight_norm(holder)
    _set_pair(holder, gain, direction)
    return holder.weight.detach()


def fold_state(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state with every gain and direction, in either naming, multiplied out into `weight`; the rest
    unchanged, and so is a gain without a direction that fits."""
    plain = dict(state)
    for name, gain in state.items():
        for gain_ending, direction_ending in PAIRS.items():
            module = name.removesuffix(gain_ending)
            direction = state.get(module + direction_ending)
            if module != name and direction is not None and _fits(gain, direction):
                del plain[name], plain[module + direction_ending]
                plain[module + ".weight"] = folded(gain.float(), direction.float())
    return plain


class _Holder(nn.Module):
    """A weight, and nothing that is done with it."""

    weight: torch.Tensor

    def __init__(self, weight: torch.Tensor):
        super().__init__()
        self.weight = nn.Parameter(weight)


def _set_pair(layer: nn.Module, gain: torch.Tensor, direction: torch.Tensor) -> None:
    layer.get_parameter("parametrizations.weight.original0").copy_(gain)
    layer.get_parameter("parametrizations.weight.original1").copy_(direction)


def _fits(gain: torch.Tensor, direction: torch.Tensor) -> bool:
    return direction.dim() >= 2 and gain.shape == (len(direction), *[1] * (direction.dim() - 1))


def _layers(model: nn.Module) -> list[nn.Module]:
    convolutions = [layer for layer in model.modules() if isinstance(layer, (nn.Conv1d, nn.ConvTranspose1d))]
    planes = [layer for layer in model.modules() if isinstance(layer, VectorQuantizer)]
    return convolutions + [layer for plane in planes for layer in (plane.project_in, plane.project_out)]
