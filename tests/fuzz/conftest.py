from __future__ import annotations

import pytest

from tests.fuzz.corpus import make_corpus, write_models


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    return write_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="session")
def corpus(models):
    return make_corpus(models)
