"""Which models there are: those that ship in the package and those in the user's folder, found by name, path or id.

A codec's language model, if it has one, lies beside its weight file with the same stem: `nac-44k.safetensors`,
`nac-44k.lm.safetensors`.
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.errors import ModelError
from nac_cli.files import sha256_of
from nac_cli.models.weights import ID_BYTES, WeightFile, describe, load_state

if TYPE_CHECKING:
    from nac_cli.models.codec import TrainableCodec

DEFAULT = "nac-44k"
SHIPPED = Path(__file__).parent.parent / "weights"
SUFFIX = ".safetensors"
LM_SUFFIX = ".lm.safetensors"
NAME_RULE = "up to 32 letters, digits and any of . _ + -, not ending in .lm"
"""Names of models that a stream and every file system take, in words (see `is_name`)."""
FAMILIES = {
    "spectral": ("nac_cli.models.spectral", "SpectralConfig", "SpectralCodec"),
    "encodec": ("nac_cli.models.encodec.network", "EncodecConfig", "EncodecCodec"),
    "dac": ("nac_cli.models.dac", "DacConfig", "DacCodec"),
    "snac": ("nac_cli.models.snac", "SnacConfig", "SnacCodec"),
    "taae": ("nac_cli.models.taae.network", "TaaeConfig", "TaaeCodec"),
}
"""Where each family's config and network are; imported when a model of it is built."""


@dataclass(frozen=True)
class LmFile:
    """Where a language model is, what identifies it in a stream (as `entropy.lm.model_id` has it), its bytes."""

    path: Path
    model_id: bytes
    size: int


def is_name(name: str) -> bool:
    """Whether a model can be called `name` (NAME_RULE)."""
    return re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,31}", name) is not None and not name.endswith(".lm")


def user_folder() -> Path:
    """Where a user's own weight files are looked for: `NAC_MODELS`, or `nac/models` in the XDG data folder. Raises
    ModelError where nobody knows that of this user."""
    if own := os.environ.get("NAC_MODELS"):
        return Path(own)
    try:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    except RuntimeError as error:
        raise ModelError("this user has no home folder; NAC_MODELS may name a folder for models") from error
    return data / "nac" / "models"


def _files(suffix: str) -> list[Path]:
    """Files of the shipped folder and then of the user's, each in alphabetical order. A user's folder that is not known
    or cannot be read is none."""
    with suppress(ModelError, OSError):
        return [*_of_folder(SHIPPED, suffix), *_of_folder(user_folder(), suffix)]
    return _of_folder(SHIPPED, suffix)


def _of_folder(folder: Path, suffix: str) -> list[Path]:
    return sorted(folder.glob(f"*{suffix}"))


def models_place() -> str:
    """`user_folder`, or what stands for it, for messages."""
    try:
        return str(user_folder())
    except ModelError:
        return "a folder that NAC_MODELS names"


def available() -> list[WeightFile]:
    """Every readable weight file, shipped ones first, each folder in alphabetical order."""
    return list(_readable(_paths()))


def find(model: str | os.PathLike[str]) -> WeightFile:
    """The weight file for a name ("nac-44k"), a hexadecimal id or a path. Raises ModelError naming what there is."""
    path = Path(model)
    if path.suffix == SUFFIX:
        return described(path)
    for file in _likely_first(str(model)):
        if str(model) in (file.spec.name, file.spec.model_id.hex()):
            return file
    names = ", ".join(sorted({file.spec.name for file in available()})) or "none"
    raise ModelError(f"no model {str(model)!r}; installed: {names} (`nac models` lists them)")


def find_id(model_id: bytes, name: str) -> WeightFile:
    """The weight file with this id. Raises ModelError with the id, the name and what to do."""
    for file in _likely_first(name):
        if file.spec.model_id == model_id:
            return file
    raise ModelError(
        f"this file needs model {name!r} with id {model_id.hex()}, which is not installed; put its weight file "
        f"into {models_place()} (`nac models` lists what is there). Another version of {name!r} cannot decode it"
    )


def described(path: Path) -> WeightFile:
    """As `weights.describe`, which reads the whole file, but once."""
    try:
        return _described(path, path.stat().st_mtime_ns)
    except OSError:
        return describe(path)  # which says what is wrong


def is_shipped(file: WeightFile) -> bool:
    return file.path.parent == SHIPPED


def _paths() -> list[Path]:
    return [path for path in _files(SUFFIX) if not path.name.endswith(LM_SUFFIX)]


def _likely_first(name: str) -> Iterator[WeightFile]:
    """As `available`, but a file that is called like a model first: to know a file, all of it has to be read."""
    return _readable(sorted(_paths(), key=lambda path: path.stem != name))


def _readable(paths: list[Path]) -> Iterator[WeightFile]:
    for path in paths:
        try:
            yield described(path)
        except ModelError:
            continue  # a foreign file in the folder is no model of ours; naming it explicitly says why


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
    for path in _files(LM_SUFFIX):
        try:
            file = _lm_file(path, path.stat().st_mtime_ns)
        except OSError:
            continue  # unreadable, so it is not known to be the one
        if file.model_id == lm_id:
            return file
    raise ModelError(
        f"this file needs the language model of {codec_name!r} with id {lm_id.hex()}, which is not installed; put its "
        f"file ({codec_name}{LM_SUFFIX}) into {models_place()} (`nac models` lists what is there), or have the file "
        "recoded to the mode packed or static where the language model is (`nac recode`)"
    )


def load(file: WeightFile, device: str = "cpu") -> TrainableCodec:
    """Build the network of a weight file on `device`, ready for inference. Raises ModelError if the file does not
    make one."""
    from nac_cli.models.build import build

    if file.spec.family not in FAMILIES:
        raise ModelError(f"{file.path}: family {file.spec.family!r} is unknown to this version of nac")
    module, config_name, model_name = FAMILIES[file.spec.family]
    home = import_module(module)
    try:
        config = getattr(home, config_name)(**_with_tuples(file.config))
        make = getattr(home, model_name)
        model = build(lambda: make(config, file.spec.name, file.spec.model_id), load_state(file.path), file.path)
    except (TypeError, RuntimeError) as error:
        raise ModelError(f"{file.path}: weights and config do not fit together ({error})") from error
    if model.spec != file.spec:
        raise ModelError(f"{file.path}: its description does not fit its config")
    return model.to(device)


def _with_tuples(config: dict) -> dict:
    """JSON has lists where configs have tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in config.items()}


def _lm_path(file: WeightFile) -> Path:
    return file.path.with_name(file.path.stem + LM_SUFFIX)


@cache
def _lm_file(path: Path, modified: int) -> LmFile:
    """Raises OSError."""
    if not path.is_file():  # a pipe would never end
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return LmFile(path, sha256_of(path)[:ID_BYTES], path.stat().st_size)


@cache
def _described(path: Path, modified: int) -> WeightFile:
    return describe(path)
