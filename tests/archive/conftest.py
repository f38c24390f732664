"""Libraries of short sounds, workers in this process, a tiny model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nac_cli.archive.library import Tally, archive, survey
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.settings import Settings
from tests.helpers.codecs import TINY, write_tiny_model
from tests.helpers.libraries import make_archive, make_library
from tests.helpers.pools import LocalPool
from tests.helpers.sounds import write_sound


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder with the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch, models) -> None:
    monkeypatch.setenv("NAC_MODELS", str(models))


@pytest.fixture
def settings(models) -> Settings:
    return Settings.of(str(models / f"{TINY}.safetensors"), planes=2)


@pytest.fixture
def library(tmp_path) -> Path:
    """Sounds at several depths of a tree, one under a name that is hard on everything, and files without sound."""
    root = tmp_path / "library"
    for number, path in enumerate(
        ("a.wav", "album/b.wav", "album/disc 2/\u00e9t\u00e9 \U0001f3b5.wav", "album/-c\n;.wav")
    ):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_sound(root / path, seconds=0.2 + 0.1 * number, channels=1 + number % 2)
    (root / "album" / "cover.jpg").write_bytes(b"\xff\xd8 not really")
    return root


@pytest.fixture
def run(tmp_path, library, settings):
    """Archive the library as it is now, with a kind of pool; gives what came of it. Options are those of `survey`."""
    from nac_cli.archive.archiving import Archiving

    def run(
        target: Path = tmp_path / "archive",
        settings: Settings = settings,
        pool: type[LocalPool] = LocalPool,
        **options: object,
    ) -> Tally:
        source, place = Folder(library), Folder(target)
        with place.claim():
            found = survey(source, place, settings, **options)
            return archive(source, place, settings, found, pool(Archiving(source, place, settings, threads=1)))

    return run


@pytest.fixture(scope="session")
def mixed(tmp_path_factory) -> Path:
    """A library of many formats and awkward names; not to be changed."""
    return make_library(tmp_path_factory.mktemp("mixed"))


@pytest.fixture(scope="session")
def made(tmp_path_factory, mixed, models) -> Path:
    """The archive of `mixed`; not to be changed."""
    return make_archive(tmp_path_factory.mktemp("made"), mixed, models / f"{TINY}.safetensors")


@pytest.fixture
def place(made, tmp_path) -> Folder:
    """A copy of the archive of `mixed`."""
    return Folder(shutil.copytree(made, tmp_path / "mixed-archive"))


@pytest.fixture
def back(tmp_path) -> Folder:
    """Where a library may be restored to."""
    return Folder(tmp_path / "back")
