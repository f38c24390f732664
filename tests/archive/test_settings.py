"""What is asked of all files of an archive."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from nac_cli.archive.places.folder import Folder
from nac_cli.archive.settings import Settings
from nac_cli.errors import ModelError
from tests.helpers.codecs import TINY, write_tiny_model


def test_another_model_of_that_name_is_refused(settings, tmp_path, monkeypatch):
    named = Settings.of(TINY, planes=2)
    assert named.id == settings.id
    named.require_here()
    (tmp_path / "others").mkdir()
    write_tiny_model(tmp_path / "others", seed=1)
    monkeypatch.setenv("NAC_MODELS", str(tmp_path / "others"))
    with pytest.raises(ModelError, match="the same weight files on every machine"):
        named.require_here()
    settings.require_here()


def test_paths_mean_the_same_in_other_folders(models, monkeypatch):
    monkeypatch.chdir(models)
    assert os.path.isabs(Settings.of(f"{TINY}.safetensors").model)
    folder = Folder(Path())
    assert pickle.loads(pickle.dumps(folder)).root == models
    assert folder.name == "."
