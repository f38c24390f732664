"""Training checkpoints: everything a run needs to go on, written beside and renamed; loaded with `weights_only=True`."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from nac_cli.errors import ModelError


def save(path: Path, state: dict) -> None:
    """Write `state` (tensors, numbers, strings and containers of them) to `path` in one step."""
    beside = path.with_name(path.name + ".part")
    try:
        with open(beside, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def load(path: Path) -> dict:
    """What `save` wrote. Raises ModelError when it is missing or damaged."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such checkpoint") from None
    except Exception as error:
        raise ModelError(f"{path}: not a readable checkpoint ({error})") from error
