"""A small library and its archive, made once, copied for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nac_cli.archive.folder import Folder
from tests.archive.mixed import make_archive, make_library
from tests.models import TINY, write_tiny_model


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
    return Folder(shutil.copytree(made, tmp_path / "archive"))


@pytest.fixture
def back(tmp_path) -> Folder:
    """Where a library may be restored to."""
    return Folder(tmp_path / "back")
