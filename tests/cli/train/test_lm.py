from __future__ import annotations

import json

import pytest

from nac_cli.entropy.lm import load, model_id
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY

SMALL = {"width": 16, "heads": 2, "feed_width": 16, "head_width": 16, "embedding_rank": 4, "sequence_frames": 48}


@pytest.fixture
def small(tmp_path, monkeypatch):
    """Options of a run that takes a second; the corpus has but two recordings, so one of two is held out."""
    from nac_cli.train.lm import tokens

    monkeypatch.setattr(tokens, "HELD_OUT", 2)
    path = tmp_path / "small.json"
    path.write_text(json.dumps(SMALL))
    return "--preset", "nac-lm-tiny", "--config", path, "--steps", 4, "--threads", 1


def test_from_a_corpus_to_integers(nac, corpus, small, tmp_path):
    run = tmp_path / "run"
    result = nac("train", "lm", corpus, "--out", run, "--model", TINY, *small, "--json")
    assert result.exit_code == 0, result.output
    (record,) = lines(result)
    written = run / f"{TINY}.lm.safetensors"
    assert record["model"] == str(written) and record["model_id"] == model_id(written).hex()
    assert record["step"] == 4 and record["file_bytes"] == written.stat().st_size
    assert load(written).config.planes == 4
    assert nac("train", "lm", run / "tokens", "--out", run, *small).exit_code == 9, "a run is there"
    again = nac("train", "export-lm", run, tmp_path / "again.lm.safetensors", "--tokens", run / "tokens")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again.lm.safetensors").read_bytes() == written.read_bytes()
    resumed = nac("train", "lm", run / "tokens", "--out", run, "--resume", "--steps", 6, "--threads", 1)
    assert resumed.exit_code == 0 and "step 6, stopped by steps" in resumed.stderr


def test_from_another_language_model(nac, corpus, small, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    assert nac("train", "lm", corpus, "--out", first, "--model", TINY, *small).exit_code == 0
    written, damaged = first / f"{TINY}.lm.safetensors", tmp_path / "damaged.lm.safetensors"
    assert nac("train", "lm", first / "tokens", "--out", second, "--from", written, *small).exit_code == 0
    damaged.write_bytes(written.read_bytes()[:-1])
    for start, code in ((damaged, 7), (tmp_path / "missing.lm.safetensors", 2)):
        assert nac("train", "lm", first / "tokens", "--out", tmp_path / "x", "--from", start, *small).exit_code == code
    assert not (tmp_path / "x").exists(), "nothing is begun"
    assert nac("train", "lm", first / "tokens", "--out", first, "--resume", "--from", written).exit_code == 2


def test_tokens_are_made_once_and_kept(nac, corpus, tmp_path):
    for _ in range(2):
        result = nac("train", "tokens", corpus, tmp_path / "tokens", "--model", TINY, "--threads", 1, "--json")
        assert result.exit_code == 0, result.output
        assert lines(result)[0]["recordings"] == 2
    assert nac("train", "tokens", corpus, tmp_path / "tokens", "--threads", 1).exit_code == 7, "another codec"


def test_folders_without_tokens_and_unknown_presets(nac, corpus, tmp_path):
    (tmp_path / "empty").mkdir()
    missing = nac("train", "lm", tmp_path / "empty", "--out", tmp_path / "run")
    assert missing.exit_code == 3 and "nac train tokens" in missing.stderr
    run = ("--out", tmp_path / "run", "--model", TINY, "--threads", 1)
    assert nac("train", "lm", corpus, *run, "--preset", "nac-44k").exit_code == 2
    assert nac("train", "lm", corpus, *run, "--resume", "--batch-size", 2).exit_code == 2
    named = nac("train", "export-lm", tmp_path / "empty", tmp_path / "x.pt", "--tokens", tmp_path / "empty")
    assert named.exit_code == 2 and ".lm.safetensors" in named.stderr


def test_presets_of_language_models_are_listed(nac):
    assert "nac-lm-tiny" in nac("train", "presets").stdout
    assert json.loads(nac("train", "presets", "encodec-lm").stdout)["width"] == 200
