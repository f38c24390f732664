"""Official checkpoints of all families: which there are, and how to read one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.errors import ModelError, UsageError

if TYPE_CHECKING:
    from nac_cli.models.codec import TrainableCodec
    from nac_cli.models.importers.state import Checkpoint
    from nac_cli.models.weights import WeightFile

Imported = tuple["TrainableCodec", str]
"""The model of a checkpoint, and a note on its licence."""


def _encodec(path: Path, config: dict | None) -> Imported:
    from nac_cli.models.encodec.config import EncodecConfig
    from nac_cli.models.importers.encodec import import_encodec

    try:
        return import_encodec(path, EncodecConfig(**config) if config else None)
    except TypeError as error:
        raise ModelError(f"the config is none of an EnCodec model ({error})") from error


def _dac(path: Path, config: dict | None) -> Imported:
    from nac_cli.models.importers.dac import import_dac

    _refuse(config, "DAC")
    return import_dac(path.parent if path.suffix in IN_FOLDERS else path)


def _snac(path: Path, config: dict | None) -> Imported:
    from nac_cli.models.importers.snac import import_snac

    _refuse(config, "SNAC")
    return import_snac(path)


def _taae(path: Path, config: dict | None) -> Imported:
    from nac_cli.models.importers.taae import import_taae

    return import_taae(path, None if config is None else _levels(config))


def divided(file: WeightFile, config: dict, name: str) -> WeightFile:
    """The description of a TAAE's weight file under another `name`, with the `levels` of `config` for its planes,
    into which latents can be divided after training (section 3.2.1); its parameters stay. Raises ModelError,
    and UsageError for models of other families or another config."""
    from nac_cli.models.taae.config import TaaeConfig

    if file.spec.family != "taae":
        _refuse(config, file.spec.family)
    levels = _levels(config)
    try:
        sizes = TaaeConfig(**file.config | {"levels": levels}).codebook_sizes
    except TypeError as error:
        raise ModelError(f"{file.path}: its config is none of a TAAE ({error})") from error
    spec = replace(file.spec, name=name, codebook_sizes=sizes, strides=(1,) * len(sizes))
    return replace(file, spec=spec, config=file.config | {"levels": levels})


def _levels(config: dict) -> tuple[int, ...]:
    levels = config.get("levels")
    if set(config) != {"levels"} or not isinstance(levels, list) or not levels:
        raise UsageError('a checkpoint of TAAE says itself what its network is like, but for {"levels": [6]}')
    return tuple(levels)


IMPORTERS = {"encodec": _encodec, "dac": _dac, "snac": _snac, "taae": _taae}
"""Importers by family: (path of a file or a folder, the network's config or None) -> `Imported`."""
FAMILY_OF_TYPE = {"encodec": "encodec", "dac": "dac"}
"""Families by the `model_type` in a `config.json` of transformers."""
FAMILY_OF_SUFFIX = {".th": "encodec", ".pth": "dac", ".ckpt": "taae"}
"""Families by the suffix of their vendors' files."""
IN_FOLDERS = (".safetensors", ".bin")
"""Weights that have a `config.json` beside them."""
CONFIG_OF_TAAE = "model_config.json"
KEY_OF_SNAC = "vq_strides"
"""A key by which a `config.json` of SNAC is known, as it has no `model_type`."""


def checkpoints() -> list[tuple[str, Checkpoint]]:
    """Every official checkpoint that nac reads, with its family."""
    from nac_cli.models.importers import dac, encodec, snac, taae

    modules = {"encodec": encodec, "dac": dac, "snac": snac, "taae": taae}
    return [(family, entry) for family, module in modules.items() for entry in module.CHECKPOINTS]


def import_checkpoint(path: Path, family: str | None = None, config: dict | None = None) -> Imported:
    """The model in an official checkpoint, a file or a folder, ready for inference.

    `family` is found by the checkpoint's layout if not given. `config` describes the network where the
    checkpoint does not and fits no preset (EnCodec's own files), or has the `levels` of a TAAE's planes.
    Raises ModelError for what cannot be read, UsageError for a family that has no importer, or a config where
    there has to be none.
    """
    if not (path.is_file() or path.is_dir()):
        raise ModelError(f"{path}: no such checkpoint")
    family = family or _family_of(path)
    if family not in IMPORTERS:
        raise UsageError(f"there is no importer for family {family!r}: choose one of {', '.join(IMPORTERS)}")
    return IMPORTERS[family](path, config)


def _family_of(path: Path) -> str:
    """The family of a checkpoint, by its suffix, else by the description in its folder. Raises ModelError."""
    from nac_cli.models.importers.state import read_config

    folder = path if path.is_dir() else path.parent
    description = folder / "config.json"
    if path.suffix in FAMILY_OF_SUFFIX:
        return FAMILY_OF_SUFFIX[path.suffix]
    if (folder / CONFIG_OF_TAAE).is_file():
        return "taae"
    known = f"the families are {', '.join(IMPORTERS)} (--family)"
    if not description.is_file():
        message = "neither a whole weight file of nac's nor an official checkpoint, as it has no config.json"
        raise ModelError(f"{path}: {message}; {known}")
    values = read_config(description)
    kind = values.get("model_type")
    if kind is None and KEY_OF_SNAC in values:
        return "snac"
    if kind not in FAMILY_OF_TYPE:
        message = f"its model_type is {str(kind)[:40]!r}, which nac does not know"
        raise ModelError(f"{description}: {message}; {known}")
    return FAMILY_OF_TYPE[kind]


def _refuse(config: dict | None, family: str) -> None:
    if config is not None:
        raise UsageError(f"a checkpoint of {family} says itself what its network is like: give no config")
