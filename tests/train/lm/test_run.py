"""A language model from a corpus, in one call."""

from __future__ import annotations

from contextlib import contextmanager

import pytest

from nac_cli.entropy.lm import model_id
from nac_cli.errors import ModelError, OutputExists
from nac_cli.train import checkpoint
from nac_cli.train.listener import Listener
from nac_cli.train.lm import run, tokens
from nac_cli.train.lm.config import PRESETS
from nac_cli.train.records import override
from tests.helpers.codecs import TINY, write_tiny_model

SMALL = {"width": 16, "heads": 2, "feed_width": 16, "head_width": 16, "embedding_rank": 4, "sequence_frames": 48}
CONFIG = override(PRESETS["nac-lm-tiny"], **SMALL, steps=3)


class Stopping(Listener):
    @contextmanager
    def training(self, steps, rank):
        yield lambda step, losses: step == 2


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setattr(tokens, "HELD_OUT", 2)  # the corpus has but two recordings
    return write_tiny_model(tmp_path)


def test_from_a_corpus_to_integers(tones, model, tmp_path):
    trained = run.train(tones, tmp_path / "run", CONFIG, model=model, device="cpu")
    assert trained.report.step == 3 and trained.report.stopped_by == "steps"
    assert trained.model.path == tmp_path / "run" / f"{TINY}.lm.safetensors"
    assert model_id(trained.model.path) == trained.model.model_id
    with pytest.raises(OutputExists):
        run.train(tones, tmp_path / "run", CONFIG, model=model, device="cpu")
    again = run.train(tmp_path / "run" / "tokens", tmp_path / "run", steps=4, device="cpu")
    assert again.report.step == 4 and again.report.steps_run == 1


def test_a_listener_stops_a_run_where_its_state_is_whole(tones, model, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run.train(tones, tmp_path / "run", CONFIG, model=model, device="cpu", listener=Stopping())
    assert checkpoint.load(tmp_path / "run" / "lm.pt")["step"] == 2


def test_a_run_that_starts_from_a_model_begins_where_that_ended(tones, model, tmp_path):
    first = run.train(tones, tmp_path / "first", CONFIG, model=model, steps=40, device="cpu")
    coded, still = tmp_path / "first" / "tokens", override(CONFIG, muon_rate=0.0, adam_rate=0.0, warmup_steps=1)
    started = run.train(coded, tmp_path / "second", still, start=first.model.path, steps=1, device="cpu")
    new = run.train(coded, tmp_path / "third", still, steps=1, device="cpu")
    ended, begun, fresh = (trained.report.held_out_bits[4] for trained in (first, started, new))
    assert abs(begun - ended) < 0.02 < fresh - begun


def test_a_run_does_not_start_from_a_model_of_another_shape(tones, model, tmp_path):
    first = run.train(tones, tmp_path / "first", CONFIG, model=model, device="cpu")
    wider = override(CONFIG, feed_width=32)
    with pytest.raises(ModelError, match="another shape"):
        run.train(tmp_path / "first" / "tokens", tmp_path / "second", wider, start=first.model.path, device="cpu")
