"""Models where the user's own folder is not there, not known, or cannot be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nac_cli.errors import ModelError
from nac_cli.models import zoo

UNKNOWN = bytes(8)


@pytest.fixture(params=["unknown", "unreadable"])
def no_folder(request, monkeypatch, tmp_path) -> None:
    for name in ("NAC_MODELS", "XDG_DATA_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown() -> Path:
        raise RuntimeError("Could not determine home directory.")

    if request.param == "unknown":
        monkeypatch.setattr(Path, "home", unknown)
        return
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    is_dir = Path.is_dir

    def refused(path: Path) -> bool:
        if tmp_path in path.parents:
            raise PermissionError(13, "Permission denied", str(path))
        return is_dir(path)

    monkeypatch.setattr(Path, "is_dir", refused)
    monkeypatch.setattr(Path, "exists", refused)


def test_the_shipped_models_serve(no_folder):
    names = [file.spec.name for file in zoo.available()]
    assert zoo.DEFAULT in names
    file = zoo.find(zoo.DEFAULT)
    assert zoo.find_id(file.spec.model_id, "another") == file


def test_what_is_missing_is_said_to_be(no_folder):
    for find in (zoo.find_id, zoo.find_lm_id):
        with pytest.raises(ModelError, match="not installed; put its (weight )?file"):
            find(UNKNOWN, "lost")


def test_a_folder_that_is_named_needs_no_home(no_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    assert zoo.user_folder() == tmp_path and zoo.available()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_the_folder_is_no_model(monkeypatch, tmp_path):
    """To read it would take for ever."""
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    for name in ("pipe.safetensors", "pipe.lm.safetensors", f"{zoo.DEFAULT}.safetensors"):
        os.mkfifo(tmp_path / name)
    assert zoo.available()
    for find in (zoo.find_id, zoo.find_lm_id):
        with pytest.raises(ModelError, match="not installed"):
            find(UNKNOWN, zoo.DEFAULT)
    with pytest.raises(ModelError, match="not a regular file"):
        zoo.find(tmp_path / "pipe.safetensors")
