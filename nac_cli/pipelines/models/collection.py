"""The user's own collection of models: importing, exporting and removing them."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

from nac_cli.errors import AudioError, ModelError, UsageError
from nac_cli.files import atomic_path, check_output
from nac_cli.models import weights, zoo
from nac_cli.models.weights import WeightFile


def import_model(
    source: str | os.PathLike,
    *,
    family: str | None = None,
    config: dict | None = None,
    name: str | None = None,
    force: bool = False,
) -> WeightFile:
    """Read an official checkpoint (a file, a folder, or "hf:" and a repository of the Hugging Face hub) and save it in
    the user's folder, in float32, so that its codes stay those of its origin. Also takes a weight file of nac's own,
    unchanged, together with its language model; or, of a TAAE and with a `config`, with other planes.

    `family` and `config` as in `models.importers.official`. Raises ModelError, UsageError, OutputExists, AudioError
    (the folder cannot be written).
    """
    from nac_cli.models.importers import hub, official

    is_hub = str(source).startswith(hub.PREFIX)
    path = hub.fetch(str(source).removeprefix(hub.PREFIX)) if is_hub else Path(source)
    own = _own(path)
    if own is not None:
        return _import_own(own, family, config, name, force)
    model, licence = official.import_checkpoint(path, family, config)
    name = name or model.spec.name
    target = place_for(name, force)
    model.spec = dataclasses.replace(model.spec, name=name)
    origin = {"imported": str(source) if is_hub else path.name, "licence": licence}
    return weights.save(target, model, dataclasses.asdict(model.config), None, origin, dtype="float32")


def export_model(model: str | os.PathLike, target: str | os.PathLike, *, force: bool = False) -> WeightFile:
    """Copy an installed model, with its language model, to the weight file `target` (`*.safetensors`). Raises
    ModelError, UsageError, OutputExists, AudioError."""
    target = Path(target)
    if target.suffix != zoo.SUFFIX or target.name.endswith(zoo.LM_SUFFIX):
        raise UsageError(f"{target}: the name of a weight file ends in {zoo.SUFFIX}")
    return _copy(zoo.find(model), target, force)


def remove_model(model: str | os.PathLike) -> list[Path]:
    """Delete an installed model of the user's folder, with its language model and its card; what is gone. Raises
    ModelError, UsageError for a model that is not the user's own, AudioError if a file cannot be deleted."""
    file = zoo.find(model)
    if zoo.is_shipped(file) or file.path.resolve().parent != zoo.user_folder().resolve():
        raise UsageError(f"{file.path}: only models in {zoo.user_folder()} can be removed")
    gone = []
    for path in (*_companions(file), file.path):
        try:
            path.unlink()
        except OSError as error:
            raise AudioError(f"{path}: cannot be deleted ({error.strerror})") from error
        gone.append(path)
    return gone


def place_for(name: str, force: bool) -> Path:
    """Where a model of the user's is to be saved. Raises UsageError for a name that it cannot have, OutputExists,
    AudioError."""
    shipped = [file.spec.name for file in zoo.available() if zoo.is_shipped(file)]
    if not zoo.is_name(name) or name in shipped:
        raise UsageError(
            f"a model cannot be called {name!r}: take {zoo.NAME_RULE}, "
            f"and no name of a model that comes with nac ({', '.join(shipped)})"
        )
    folder = zoo.user_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioError(f"{folder}: cannot be made ({error.strerror}); NAC_MODELS may name another folder") from error
    path = folder / f"{name}{zoo.SUFFIX}"
    check_output(path, force)
    return path


def _import_own(own: WeightFile, family: str | None, config: dict | None, name: str | None, force: bool) -> WeightFile:
    from nac_cli.models.importers.official import divided

    if family not in (None, own.spec.family):
        raise UsageError(f"{own.path}: is a model of nac's of the family {own.spec.family}, not {family}")
    if config is not None:
        other = divided(own, config, name or own.spec.name)
        return weights.save_again(place_for(other.spec.name, force), other, None)
    if name not in (None, own.spec.name):
        raise UsageError(
            f"{own.path}: is a model of nac's called {own.spec.name!r}; it has its name in it and keeps it"
        )
    return _copy(own, place_for(own.spec.name, force), force)


def _own(path: Path) -> WeightFile | None:
    """The description of a file of nac's own."""
    if path.suffix != zoo.SUFFIX or not path.is_file():
        return None
    try:
        return weights.describe(path)
    except ModelError:
        return None


def _copy(file: WeightFile, target: Path, force: bool) -> WeightFile:
    lm = zoo.lm_beside(file)
    pairs = [(file.path, target)]
    if lm is not None:
        pairs.append((lm.path, target.with_name(target.stem + zoo.LM_SUFFIX)))
    for _, place in pairs:
        check_output(place, force)
    for source, place in pairs:
        if place.exists() and source.samefile(place):
            continue
        with atomic_path(place, force) as beside:
            shutil.copyfile(source, beside)
    return weights.describe(target)


def _companions(file: WeightFile) -> list[Path]:
    lm, card = file.path.with_name(file.path.stem + zoo.LM_SUFFIX), file.path.with_suffix(".md")
    return [path for path in (lm, card) if path.is_file()]
