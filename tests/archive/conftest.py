"""A small library and its archive, made once, copied for each test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nac_cli.archive.archiving import Archiving
from nac_cli.archive.folder import Folder
from nac_cli.archive.library import archive, survey
from nac_cli.archive.settings import Settings
from nac_cli.audio import write_tags
from nac_cli.values import Picture, Tags
from tests.archive.pools import HerePool
from tests.models import write_tiny_model

RATE = 22_050
COVER = Picture(3, "image/png", "front", 0, 0, 0, 0, b"\x89PNG\r\n\x1a\nno more")
TAGS = Tags((("TITLE", "Grüße"), ("ARTIST", "Nobody")), (COVER,))
BAD_UTF8 = os.fsdecode(b"b/bad\xff.wav")
SOUNDS = {
    "song.flac": (0.5, 2), "song.wav": (0.7, 2), "SONG2.WAV": (0.3, 1), "a/take 1.mp3": (0.4, 2), "a/loud.ogg": (0.4, 1),
    BAD_UTF8: (0.2, 1), "b/new\nline.wav": (0.25, 1), "b/50% ü.wav": (0.35, 1),
}  # fmt: skip
"""Seconds and channels by path."""
SIDECARS = {"a/cover.jpg": b"picture", "b/100%.txt": b"notes"}
BROKEN = "a/broken.wav"


def make_library(folder: Path) -> Path:
    rng = np.random.default_rng(5)
    for number, (path, (seconds, channels)) in enumerate(SOUNDS.items()):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(made := folder / f"made{file.suffix}", rng.normal(0, 0.1, (round(seconds * RATE), channels)), RATE)
        if path == "song.flac":
            write_tags(made, TAGS)
        made.rename(file)
        os.utime(file, ns=(0, 1_500_000_000_123_456_789 + number))
    for path, data in {**SIDECARS, BROKEN: b"no sound"}.items():
        (folder / path).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> Path:
    """A folder with the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture(autouse=True)
def _environment(monkeypatch, models) -> None:
    monkeypatch.setenv("NAC_MODELS", str(models))


@pytest.fixture(scope="session")
def library(tmp_path_factory) -> Path:
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture(scope="session")
def made(tmp_path_factory, library, models) -> Path:
    """The archive of `library`; not to be changed."""
    place, source = Folder(tmp_path_factory.mktemp("made")), Folder(library)
    settings = Settings.of(next(models.glob("*.safetensors")), planes=2)
    with place.claim():
        found = survey(source, place, settings, copy_others=True)
        archive(source, place, settings, found, HerePool(Archiving(source, place, settings, device="cpu", threads=1)))
    return place.root


@pytest.fixture
def place(made, tmp_path) -> Folder:
    """A copy of the archive of `library`."""
    return Folder(shutil.copytree(made, tmp_path / "archive"))


@pytest.fixture
def back(tmp_path) -> Folder:
    """Where a library may be restored to."""
    return Folder(tmp_path / "back")
