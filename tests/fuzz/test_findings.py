"""Streams that once did harm, or came near: each stays what it ought to be."""

from __future__ import annotations

import pytest

from tests.fuzz.changes import Case, Change, applied
from tests.fuzz.readers import DEAR, check

SWAPPED = (Change("swap", 1, 2),)
CASES = {
    "two chunks have changed places": (Case("packed", SWAPPED, reindexed=True), "partial"),
    "a chunk comes twice": (Case("static", (Change("repeat", 2, 1),), reindexed=True), "partial"),
    "a chunk is missing": (Case("lm", (Change("drop", 2),), reindexed=True), "partial"),
    "a chunk of another stream": (Case("packed", (Change("graft", 2, 1, value=13 + 8),), reindexed=True), "partial"),
    "detail is behind another chunk": (Case("detail", (Change("swap", 2, 4),), reindexed=True), "partial"),
    "tags part a chunk from its detail": (Case("one frame", (Change("graft", 2, 1),), reindexed=True), "partial"),
    "detail has other levels": (Case("detail", (Change("redraw", 1, 5, value=15),), reindexed=True), "sound"),
    "all codes are the largest": (Case("all modes", (Change("redraw", 0, 3, value=1),), reindexed=True), "sound"),
    "the stream ends in a chunk": (Case("packed", bytes=(Change("truncate", 120),)), "partial"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_becomes_of_it(corpus, models, monkeypatch, name):
    monkeypatch.setenv("NAC_MODELS", str(models.folder))
    case, became = CASES[name]
    data = applied(case, corpus, models)
    assert data != corpus[case.name]
    for dear in DEAR[::3]:
        assert check(data, models, dear) == became
