"""Reading strangers' checkpoints, and filling networks from them, without trusting either.

Tensors and plain values are all that is read: no object of any class is built from a pickle. Networks are
laid out without memory first and take the checkpoint's tensors once names and shapes agree, so a config
cannot ask for more than the file holds.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from nac_cli.errors import ModelError
from nac_cli.models.codec import Codec

Model = TypeVar("Model", bound=Codec)

MAX_JSON = 2**20


@dataclass(frozen=True)
class OfficialCheckpoint:
    """A published checkpoint: the file or repository as its vendor names it, our preset of that shape, the
    address at which the vendor's documentation or package has it, and the licence."""

    name: str
    preset: str
    address: str
    licence: str


def read_pickle(path: Path) -> object:
    """What `torch.save` wrote, tensors on the CPU. Raises ModelError when there is more in it than tensors
    and plain values or when it is damaged."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on unusual pickles; what torch cannot read it refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # whatever the damage happens to hit: torch documents no set of errors
        reason = str(error).strip().splitlines() or [type(error).__name__]
        message = f"{path}: not a checkpoint of tensors and plain values, all that nac reads ({reason[0]})"
        raise ModelError(message) from error


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Named tensors of a `.safetensors` file or of what `torch.save` wrote of a state. Raises ModelError."""
    if path.suffix != ".safetensors":
        return tensors_of(read_pickle(path), path)
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable weight file ({error})") from error


def tensors_of(state: object, path: Path) -> dict[str, torch.Tensor]:
    """`state` if it is a dictionary of named tensors. Raises ModelError."""
    if not isinstance(state, dict) or not state:
        raise ModelError(f"{path}: holds no dictionary of tensors")
    for name, value in state.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            raise ModelError(f"{path}: {name!r} is no named tensor")
    return state


def read_config(path: Path) -> dict:
    """A JSON object. Raises ModelError."""
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(MAX_JSON))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a JSON object")
    return config


def filled(build: Callable[[], Model], state: dict[str, torch.Tensor], path: Path) -> Model:
    """The network that `build` makes, with the tensors of `state` in float32, ready for inference. Raises
    ModelError naming the first tensor that is missing, unknown or of another shape."""
    with torch.device("meta"):
        model = build()
    expected = model.state_dict()
    for name, value in expected.items():
        if name not in state:
            raise ModelError(f"{path}: lacks {name!r} (our name for it)")
        if state[name].shape != value.shape:
            shapes = f"{list(state[name].shape)}, its config makes it {list(value.shape)}"
            raise ModelError(f"{path}: {name!r} (our name for it) is {shapes}")
    unknown = [name for name in state if name not in expected]
    if unknown:
        raise ModelError(f"{path}: has {unknown[0]!r}, of which our network knows nothing")
    model.load_state_dict({name: state[name].float().contiguous() for name in expected}, assign=True)
    return model.eval().requires_grad_(False)
