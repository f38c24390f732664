"""Checkpoint files as dictionaries of tensors, without trust in them: tensors and plain values are all that is read,
and no object of any class is built from a pickle."""

from __future__ import annotations

import json
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from nac_cli.errors import ModelError

MAX_JSON = 2**20
SHARED = 2
"""By how much tensors may be larger than their file, as some share what is stored."""


@dataclass(frozen=True)
class Checkpoint:
    """An official checkpoint: its `name` as a file or a repository, its vendor's `address`, the preset it
    fits and its `licence`."""

    name: str
    address: str
    preset: str
    licence: str


def read_pickle(path: Path) -> Any:
    """The object that `torch.save` wrote, with tensors on the CPU. Raises ModelError for a file that is damaged, or has
    more in it than tensors and plain values."""
    try:
        _refuse_packed(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on unusual pickles; what torch cannot read it refuses
            return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such checkpoint") from None
    except PermissionError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except ModelError:
        raise
    except UnpicklingError as error:  # its own message advises to unpickle everything after all
        message = "not a checkpoint, or one with more in it than tensors, which could be any code: nac reads none"
        raise ModelError(f"{path}: {message}") from error
    except Exception as error:  # whatever the first wrong byte leads to
        raise ModelError(f"{path}: damaged, or not a checkpoint ({type(error).__name__})") from error


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a `.safetensors` file or of one of `torch.save`, by name. Raises ModelError."""
    if path.suffix != ".safetensors":
        return tensors_of(read_pickle(path), path)
    try:
        return load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such checkpoint") from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: damaged, or not a checkpoint ({error})") from error


def tensors_of(state: object, path: Path) -> dict[str, torch.Tensor]:
    """`state` if it is a dictionary of tensors by name. Raises ModelError, also where the tensors claim more than the
    file `path` holds: a stored value can be repeated without end, or be part of many tensors."""
    if not isinstance(state, dict) or not all(map(_is_named_tensor, state.items())):
        raise ModelError(f"{path}: not a dictionary of tensors by name")
    claimed = sum(tensor.numel() * tensor.element_size() for tensor in state.values())
    if claimed > SHARED * path.stat().st_size:
        raise ModelError(f"{path}: its tensors claim {claimed} bytes, more than such a file can hold")
    return state


def read_config(path: Path) -> dict:
    """The JSON object that describes a checkpoint, beside it. Raises ModelError."""
    try:
        with path.open("rb") as file:
            config = json.loads(file.read(MAX_JSON))
    except FileNotFoundError:
        message = "is not there; it describes the network, and belongs beside the weights"
        raise ModelError(f"{path}: {message}") from None
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not a JSON file ({error})") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: not a JSON object")
    return config


def _refuse_packed(path: Path) -> None:
    """Raise ModelError for an archive whose members are compressed or overlap: torch writes none, and a small file
    could fill all memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
    stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
    if not stored or sum(member.file_size for member in members) > path.stat().st_size:
        raise ModelError(f"{path}: not a checkpoint as torch writes them, since it unpacks to more than it is")


def _is_named_tensor(item: tuple) -> bool:
    return isinstance(item[0], str) and isinstance(item[1], torch.Tensor) and item[1].layout == torch.strided
