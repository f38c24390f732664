"""No stream, however it was changed, brings more about than sound, an error of the library, or a warning.

2,000 cases by default, always the same; `-m fuzz_long` for as long as NAC_FUZZ_SECONDS says (tests/fuzz/README.md).
"""

from __future__ import annotations

import os
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.fuzz.cases import cases
from tests.fuzz.changes import applied
from tests.fuzz.readers import DEAR, check

CASES = 2000
HOURS = float(os.environ.get("NAC_FUZZ_SECONDS", "3600"))
COMMON = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "print_blob": True}


@pytest.fixture(autouse=True)
def _environment(monkeypatch, models):
    monkeypatch.setenv("NAC_MODELS", str(models.folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def test_every_stream_of_the_corpus_is_sound(corpus, models):
    for name, data in corpus.items():
        for dear in DEAR:
            assert check(data, models, dear) == "sound", name


def test_changed_streams_do_no_harm(corpus, models):
    became = Counter()

    @settings(max_examples=CASES, derandomize=True, phases=[Phase.generate, Phase.shrink], **COMMON)
    @given(cases(corpus), st.sampled_from(DEAR))
    def run(case, dear):
        became[check(applied(case, corpus, models), models, dear)] += 1

    run()
    assert became.total() >= CASES
    assert {"sound", "partial", "CorruptStream", "UnsupportedStream"} <= set(became)  # the frequent ones


@pytest.mark.fuzz_long
def test_changed_streams_do_no_harm_for_hours(corpus, models):
    became, started, number = Counter(), time.monotonic(), int(time.time())
    while time.monotonic() - started < HOURS:
        number += 1

        @seed(number)
        @settings(max_examples=CASES, **COMMON)
        @given(cases(corpus), st.sampled_from(DEAR))
        def run(case, dear):
            became[check(applied(case, corpus, models), models, dear)] += 1

        run()
        elapsed = time.monotonic() - started
        print(f"seed {number}: {became.total()} cases in {elapsed:.0f} s: {dict(became)}", flush=True)
