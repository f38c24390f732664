"""Checkpoint files as dictionaries of tensors, and models made of them. Nothing but tensors is ever
unpickled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from nac_cli.errors import ModelError

Model = TypeVar("Model", bound=nn.Module)


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors` file or of one of `torch.save`, by name. Raises `ModelError` for
    anything else."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such checkpoint") from None
    except Exception as error:  # torch.load raises whatever the first wrong byte leads to
        raise ModelError(f"{path}: not a readable checkpoint of tensors alone ({_reason(error)})") from error
    if not isinstance(state, dict) or not all(map(_is_named_tensor, state.items())):
        raise ModelError(f"{path}: not a dictionary of tensors by name")
    return state


def filled(make: Callable[[], Model], state: dict[str, torch.Tensor], path: Path) -> Model:
    """`make()`'s network with exactly the weights of `state`, in float32 and ready for inference; memory is
    only taken for what `state` has. Raises `ModelError` naming the first tensor that is missing, unknown or
    of another shape."""
    with torch.device("meta"):
        model = make()
    expected = model.state_dict()
    for name in expected:
        if name not in state:
            raise ModelError(f"{path}: {name} is missing")
        if state[name].shape != expected[name].shape:
            shapes = f"{list(state[name].shape)}, not {list(expected[name].shape)}"
            raise ModelError(f"{path}: {name} has the shape {shapes}")
    for name in state:
        if name not in expected:
            raise ModelError(f"{path}: {name} is unknown")
    model.load_state_dict({name: state[name].float().contiguous() for name in expected}, assign=True)
    return model.eval().requires_grad_(False)


def _is_named_tensor(item: tuple) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor) and item[1].layout == torch.strided


def _reason(error: Exception) -> str:
    """Torch's own messages advise to unpickle everything after all."""
    return str(error) if isinstance(error, (OSError, SafetensorError)) else type(error).__name__
