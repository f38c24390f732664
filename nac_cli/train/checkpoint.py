"""Training checkpoints: everything a run needs to go on, written beside and renamed; loaded with `weights_only=True`.

A checkpoint may be one file or, for transports that limit the size of a file, parts with an index:

    checkpoint.pt                                          whole
    checkpoint.pt.json, checkpoint.pt.5f0c2a91e4b7, ...    the index names its parts, in order, by their SHA-256

A part's name is the beginning of its hash, so a new state never overwrites a part of the old one, and the index is
written last and replaced in one step: it always names parts of one and the same state.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable
from pathlib import Path

import torch

from nac_cli.errors import ModelError, OutputExists
from nac_cli.files import write_bytes


def save(path: Path, state: dict, part_size: int | None = None) -> None:
    """Write `state` (tensors, numbers, strings and containers of them) to `path`, in parts of at most `part_size` bytes
    if that is given. What was there before is replaced only when all is written; AudioError says why it cannot be."""
    data = io.BytesIO()
    torch.save(state, data)
    if part_size is None:
        write_bytes(path, data.getbuffer())
        _remove_parts(path, keep=())
        _index(path).unlink(missing_ok=True)
        return
    view, parts = data.getbuffer(), []
    for start in range(0, len(view), part_size):
        part = view[start : start + part_size]
        parts.append(hashlib.sha256(part).hexdigest())
        write_bytes(_part(path, parts[-1]), part)
    write_bytes(_index(path), json.dumps({"parts": parts}, indent=1).encode())
    _remove_parts(path, keep=[_part(path, digest) for digest in parts])
    path.unlink(missing_ok=True)


def load(path: Path) -> dict:
    """The state that `save` wrote. Raises ModelError when it is missing, incomplete or damaged."""
    source = path if path.exists() or not _index(path).exists() else io.BytesIO(_join(path))
    try:
        return torch.load(source, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such checkpoint") from None
    except Exception as error:
        raise ModelError(f"{path}: not a readable checkpoint ({error})") from error


def exists(path: Path) -> bool:
    """Whether there is a checkpoint at `path`, whole or in parts."""
    return path.exists() or _index(path).exists()


def refuse(path: Path) -> None:
    """Raise OutputExists where there is a checkpoint already: no run replaces another."""
    if exists(path):
        raise OutputExists(
            f"{path.parent}: a run is there already; go on with it by --resume, or choose another folder"
        )


def _join(path: Path) -> bytes:
    try:
        digests = [str(digest) for digest in json.loads(_index(path).read_text())["parts"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{_index(path)}: not a readable index of a checkpoint's parts ({error})") from error
    parts = []
    for digest in digests:
        try:
            parts.append(_part(path, digest).read_bytes())
        except OSError as error:
            raise ModelError(f"{_part(path, digest)}: a part of the checkpoint is missing ({error})") from error
        if hashlib.sha256(parts[-1]).hexdigest() != digest:
            raise ModelError(f"{_part(path, digest)}: this part of the checkpoint is damaged; copy it again")
    return b"".join(parts)


def _index(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _part(path: Path, digest: str) -> Path:
    return path.with_name(f"{path.name}.{Path(digest).name[:12]}")


def _remove_parts(path: Path, keep: Iterable[Path]) -> None:
    for part in path.parent.glob(path.name + "." + 12 * "[0-9a-f]"):
        if part not in keep:
            part.unlink()
