"""A tiny model in a folder of its own, found by name."""

from __future__ import annotations

import pytest

from tests.models import write_tiny_model


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with the tiny model."""
    folder = tmp_path_factory.mktemp("models")
    write_tiny_model(folder)
    return folder


@pytest.fixture(autouse=True)
def tiny(models, monkeypatch):
    """The tiny model is installed; its name."""
    monkeypatch.setenv("NAC_MODELS", str(models))
    return "nac-44k-tiny"
