"""Which models there are: those that ship in the package and those in the user's folder, found by name, path or id.

A codec's language model, if it has one, lies beside its weight file with the same stem: `nac-44k.safetensors`,
`nac-44k.lm.safetensors`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.errors import ModelError
from nac_cli.models.weights import WeightFile, describe, file_id, load_state

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec

DEFAULT = "nac-44k"
SHIPPED = Path(__file__).parent.parent / "weights"
LM_SUFFIX = ".lm.safetensors"


@dataclass(frozen=True)
class LmFile:
    """Where a language model is, what identifies it in a stream (as `entropy.lm.model_id` has it), its bytes."""

    path: Path
    model_id: bytes
    size: int


def user_folder() -> Path:
    """Where a user's own weight files are looked for: `NAC_MODELS`, or `nac/models` in the XDG data folder."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(os.environ.get("NAC_MODELS") or Path(data) / "nac" / "models")


def available() -> list[WeightFile]:
    """Every readable weight file, shipped ones first, each folder in alphabetical order."""
    found = []
    for folder in (SHIPPED, user_folder()):
        for path in sorted(folder.glob("*.safetensors")):
            if path.name.endswith(LM_SUFFIX):
                continue
            try:
                found.append(_described(path, path.stat().st_mtime_ns))
            except ModelError:
                continue  # a foreign file in the folder is no model of ours; naming it explicitly says why
    return found


def find(model: str | Path) -> WeightFile:
    """The weight file for a name ("nac-44k"), a hexadecimal id or a path. Raises ModelError naming what there is."""
    path = Path(model)
    if path.suffix == ".safetensors":
        return describe(path)
    files = available()
    for file in files:
        if str(model) in (file.spec.name, file.spec.model_id.hex()):
            return file
    names = ", ".join(sorted({file.spec.name for file in files})) or "none"
    raise ModelError(f"no model {str(model)!r}; installed: {names} (`nac models` lists them)")


def find_id(model_id: bytes, name: str) -> WeightFile:
    """The weight file with this id. Raises ModelError with the id, the name and what to do."""
    for file in available():
        if file.spec.model_id == model_id:
            return file
    raise ModelError(
        f"this file needs model {name!r} with id {model_id.hex()}, which is not installed; put its weight file "
        f"into {user_folder()} (`nac models` lists what is there). Another version of {name!r} cannot decode it"
    )


def lm_beside(file: WeightFile) -> LmFile | None:
    """The language model of a codec, None if it has none. Raises ModelError if its file cannot be read."""
    path = _lm_path(file)
    try:
        return _lm_file(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ModelError(f"{path}: not a readable language model ({error.strerror})") from error


def find_lm_id(lm_id: bytes, codec_name: str) -> LmFile:
    """The language model with this id. Raises ModelError with the id, the name it should have and what to do."""
    for folder in (SHIPPED, user_folder()):
        for path in sorted(folder.glob(f"*{LM_SUFFIX}")):
            try:
                file = _lm_file(path, path.stat().st_mtime_ns)
            except OSError:
                continue  # unreadable, so it is not known to be the one
            if file.model_id == lm_id:
                return file
    raise ModelError(
        f"this file needs the language model of {codec_name!r} with id {lm_id.hex()}, which is not installed; put its "
        f"file ({codec_name}{LM_SUFFIX}) into {user_folder()} (`nac models` lists what is there), or have the file "
        "recoded to the mode packed or static where the language model is (`nac recode`)"
    )


def load(file: WeightFile, device: str = "cpu") -> Codec:
    """Build the network of a weight file on `device`, ready for inference."""
    from nac_cli.models.spectral import SpectralCodec, SpectralConfig

    families = {"spectral": (SpectralConfig, SpectralCodec)}
    if file.spec.family not in families:
        raise ModelError(f"{file.path}: family {file.spec.family!r} is unknown to this version of nac")
    config_type, model_type = families[file.spec.family]
    try:
        model = model_type(config_type(**file.config), file.spec.name, file.spec.model_id)
        model.load_state_dict(load_state(file.path))
    except (TypeError, RuntimeError) as error:
        raise ModelError(f"{file.path}: weights and config do not fit together ({error})") from error
    return model.eval().requires_grad_(False).to(device)


def _lm_path(file: WeightFile) -> Path:
    return file.path.with_name(file.path.stem + LM_SUFFIX)


@cache
def _lm_file(path: Path, modified: int) -> LmFile:
    data = path.read_bytes()
    return LmFile(path, file_id(data), len(data))


@cache
def _described(path: Path, modified: int) -> WeightFile:
    return describe(path)
