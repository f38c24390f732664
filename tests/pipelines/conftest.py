"""A tiny model in a folder of its own, found by name."""

from __future__ import annotations

import shutil

import pytest

import nac_cli
from tests.helpers.codecs import TINY, write_tiny_lm, write_tiny_model
from tests.helpers.sounds import clear_music


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture(scope="session")
def lm_models(models, tmp_path_factory):
    """A folder with the tiny model and a language model that saves bits on `tones`."""
    folder = tmp_path_factory.mktemp("lm-models")
    shutil.copy(models / f"{TINY}.safetensors", folder)
    example = folder / "example.nac"
    weights = folder / f"{TINY}.safetensors"
    nac_cli.compress(clear_music(2, 12, 44_100), example, model=weights, planes=4, device="cpu", entropy="packed")
    write_tiny_lm(folder, sounds=[example])
    return folder


@pytest.fixture(autouse=True)
def tiny(models, monkeypatch):
    """The tiny model is installed; its name."""
    monkeypatch.setenv("NAC_MODELS", str(models))
    return TINY


@pytest.fixture
def tiny_lm(tiny, lm_models, monkeypatch):
    """The tiny model is installed together with its language model; its name."""
    monkeypatch.setenv("NAC_MODELS", str(lm_models))
    return tiny
