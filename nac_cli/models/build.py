"""A network with given weights, without trust in its config: it is laid out without memory first and takes the tensors
once names and shapes agree, so that a config cannot ask for more than the tensors hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn

from nac_cli.errors import ModelError

Model = TypeVar("Model", bound=nn.Module)


def build(make: Callable[[], Model], state: dict[str, torch.Tensor], path: Path) -> Model:
    """The network that `make` returns, with exactly the weights of `state` in float32, ready for inference. Raises
    ModelError, which names the file `path` and the first tensor that is missing, unknown, of another shape or not
    finite."""
    with torch.device("meta"):
        model = make()
    expected = model.state_dict()
    for name in expected:
        if name not in state:
            raise ModelError(f"{path}: {name} is missing")
        if state[name].shape != expected[name].shape:
            shapes = f"{list(state[name].shape)}, not {list(expected[name].shape)}"
            raise ModelError(f"{path}: {name} has the shape {shapes}")
    for name, value in state.items():
        if name not in expected:
            raise ModelError(f"{path}: {name} is unknown")
        if not torch.isfinite(value).all():
            raise ModelError(f"{path}: {name} has values that are not finite; the file is damaged")
    model.load_state_dict({name: state[name].float().contiguous() for name in expected}, assign=True)
    return model.eval().requires_grad_(False)
