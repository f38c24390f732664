"""How many workers there are, and what each of them has."""

from __future__ import annotations

import pytest

from nac_cli.archive.workers import choice
from nac_cli.archive.workers.choice import Workers


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch):
    monkeypatch.setattr(choice, "processors", lambda: 8)


@pytest.mark.parametrize(
    ("sizes", "count", "threads"),
    [
        ([5], 1, 8),
        ([900, 3, 4, 5, 6], 1, 8),
        ([50, 50], 2, 4),
        ([40, 20, 20, 20], 2, 4),
        ([10] * 8, 8, 1),
        (range(100), 8, 1),
        ([0, 0], 1, 8),
        ([], 8, 1),
    ],
)
def test_a_long_file_gets_threads_that_would_have_been_workers(sizes, count, threads):
    workers = Workers(device="cpu").sharing(sizes)
    assert (workers.processes, workers.threads_each) == (count, threads)


@pytest.mark.parametrize("workers", [Workers(3, device="cpu"), Workers(threads=2, device="cpu")])
def test_what_was_asked_for_stays(workers):
    assert workers.sharing([5]) == workers


def test_a_graphics_processor_has_one_worker():
    assert Workers(device="cuda").sharing([1, 1, 1]).processes == 1
