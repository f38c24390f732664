from __future__ import annotations

import json

import pytest

import nac_cli
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY
from tests.helpers.sounds import write_sound

STEPS = 25


@pytest.fixture(autouse=True)
def quick_tables(monkeypatch):
    from nac_cli.train.codec import export

    monkeypatch.setattr(export, "TABLE_EXCERPTS", 20)


def train(nac, corpus, run, *options):
    return nac("train", "codec", corpus, "--out", run, "--threads", 1, *options)


TINY_RUN = ("--preset", TINY, "--batch-size", 2, "--steps", STEPS)


def test_from_sounds_to_a_model_in_use(nac, corpus, wav, tmp_path, monkeypatch):
    trained = train(nac, corpus, tmp_path / "run", *TINY_RUN)
    assert trained.exit_code == 0, trained.output
    assert f"step {STEPS}, stopped by steps" in trained.stderr and "mel/loss" in trained.stderr
    weights = tmp_path / "mine.safetensors"
    exported = nac("train", "export", tmp_path / "run", weights, "--corpus", corpus, "--name", "mine")
    assert exported.exit_code == 0, exported.output
    assert nac("compress", wav, "--model", weights, "-q", 2).exit_code == 0
    assert nac_cli.info(tmp_path / "song.nac").stream.codec.name == "mine"
    assert nac("train", "export", tmp_path / "run", weights, "--corpus", corpus).exit_code == 9
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    assert nac("decompress", tmp_path / "song.nac", "-f").exit_code == 0


def test_prepare_reports_what_it_took_and_what_not(nac, sources, tmp_path):
    result = nac("train", "prepare", sources, tmp_path / "corpus", "--jobs", 1, "--json")
    (record,) = lines(result)
    assert record["files"] == 2 and record["seconds"] == {"music": 3.0, "speech": 3.0}
    assert "broken.wav" in record["left_out"][0] and "broken.wav" in result.stderr


def test_a_corpus_is_replaced_only_by_force(nac, sources, corpus):
    assert nac("train", "prepare", sources, corpus).exit_code == 9
    assert nac("train", "prepare", sources, corpus, "--force", "--jobs", 1).exit_code == 0


def test_folders_without_sound(nac, tmp_path):
    (tmp_path / "empty").mkdir()
    assert nac("train", "prepare", tmp_path / "empty", tmp_path / "corpus").exit_code == 3
    assert train(nac, tmp_path / "empty", tmp_path / "run").exit_code == 3


def test_a_time_limit_and_going_on(nac, corpus, tmp_path):
    (first,) = lines(train(nac, corpus, tmp_path / "run", *TINY_RUN, "--time-limit", "0.01s", "--json"))
    assert first["stopped_by"] == "time limit" and first["step"] < STEPS
    assert train(nac, corpus, tmp_path / "run", *TINY_RUN).exit_code == 9
    assert train(nac, corpus, tmp_path / "run", "--resume", "--batch-size", 3).exit_code == 2
    assert train(nac, corpus, tmp_path / "run", "--cooldown", 3).exit_code == 2
    assert train(nac, corpus, tmp_path / "run", "--resume", "--cooldown", 3, "--steps", 9).exit_code == 2
    (second,) = lines(train(nac, corpus, tmp_path / "run", "--resume", "--steps", first["step"] + 2, "--json"))
    assert second["step"] == first["step"] + 2 and second["stopped_by"] == "steps"
    assert second["losses"]["loss"] > 0


def test_an_interrupted_run_saves_where_it_was(nac, corpus, tmp_path, monkeypatch):
    import os
    import signal

    from nac_cli.train.codec.trainer import Trainer

    step = Trainer.train_step

    def interrupting(self, batch):
        if self.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, batch)

    monkeypatch.setattr(Trainer, "train_step", interrupting)
    assert train(nac, corpus, tmp_path / "run", *TINY_RUN).exit_code == 130
    monkeypatch.undo()
    assert Trainer.resume(tmp_path / "run", "cpu").step == 4


def test_one_command_from_a_folder_of_recordings_to_a_model(nac, wav, tmp_path, monkeypatch):
    (tmp_path / "recordings").mkdir()
    for number in range(3):
        write_sound(tmp_path / "recordings" / f"{number}.wav", seconds=2.0)
    run = tmp_path / "run"
    result = train(nac, tmp_path / "recordings", run, "--preset", TINY, "--steps", 30, "--json")
    assert result.exit_code == 0, result.output
    (record,) = lines(result)
    assert sum(record["shares"].values()) == pytest.approx(1, abs=0.01)
    assert record["model"] == str(run / f"{TINY}.safetensors")
    assert nac("compress", wav, "--model", record["model"]).exit_code == 0
    monkeypatch.setenv("NAC_MODELS", str(run))
    assert nac("decompress", tmp_path / "song.nac", "-f").exit_code == 0


def test_a_run_starts_from_a_light_copy_of_another(nac, corpus, tmp_path):
    assert train(nac, corpus, tmp_path / "run", *TINY_RUN).exit_code == 0
    parts, whole = tmp_path / "parts", tmp_path / "run" / "checkpoint.pt"
    assert nac("train", "checkpoint", tmp_path / "run", parts, "--light", "--part-size", "100kB").exit_code == 0
    assert nac("train", "checkpoint", tmp_path / "run", parts).exit_code == 9
    sizes = [path.stat().st_size for path in parts.iterdir()]
    assert max(sizes) <= 100_000 and sum(sizes) < 0.5 * whole.stat().st_size
    assert train(nac, corpus, parts, "--resume").exit_code == 7
    weights = tmp_path / "light.safetensors"
    assert nac("train", "export", parts, weights, "--corpus", corpus).exit_code == 0
    changes = tmp_path / "finish.json"
    changes.write_text('{"train_encoder": false, "energy_weight": 0.5, "model": {"noise": true}}')
    second = train(nac, corpus, tmp_path / "next", *TINY_RUN, "--from", parts, "--config", changes)
    assert second.exit_code == 0, second.output
    assert "stft/repulsion" in second.stderr


def test_presets_can_be_listed_printed_and_changed(nac, corpus, tmp_path):
    assert TINY in nac("train", "presets").stdout
    printed = nac("train", "presets", TINY).stdout
    (tmp_path / "mine.json").write_text(printed.replace('"seed": 0', '"seed": 5'))
    started = train(nac, corpus, tmp_path / "run", *TINY_RUN, "--config", tmp_path / "mine.json")
    assert started.exit_code == 0, started.output
    (tmp_path / "mine.json").write_text('{"sede": 5}')
    result = train(nac, corpus, tmp_path / "other", *TINY_RUN, "--config", tmp_path / "mine.json")
    assert result.exit_code == 2 and "sede" in result.stderr
    assert nac("train", "presets", "nonsense").exit_code == 2


def test_validation_is_logged_and_shown(nac, corpus, tmp_path):
    pytest.importorskip("tensorboard")
    run, clips = tmp_path / "run", tmp_path / "clips"
    clips.mkdir()
    write_sound(clips / "a.flac", seconds=3.0)
    watch = ("--validation", clips, "--validate-every", 10, "--tensorboard")
    result = train(nac, corpus, run, *TINY_RUN, *watch)
    assert result.exit_code == 0, result.output
    entries = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    figures = [entry for entry in entries if "valid/mel" in entry]
    assert [entry["step"] for entry in figures] == [10, 20]
    assert figures[0]["valid/mel"] > figures[1]["valid/mel"] > 0 and "valid/lines" in figures[0]
    assert sum(path.stat().st_size for path in (run / "board").iterdir()) > 100_000


@pytest.mark.parametrize("options", [["--preset", "nonsense"], ["--time-limit", "soon"], ["--steps", "0"]])
def test_wrong_usage(nac, corpus, tmp_path, options):
    assert train(nac, corpus, tmp_path / "run", *options).exit_code == 2


def test_resuming_nothing(nac, corpus, tmp_path):
    assert train(nac, corpus, tmp_path / "run", "--resume").exit_code == 7


@pytest.mark.parametrize(
    "args", [["weights.pt"], ["w.safetensors", "--name", "no/slash"], ["w.safetensors", "--name", "x" * 33]]
)
def test_export_is_picky_about_names(nac, corpus, tmp_path, args):
    assert nac("train", "export", tmp_path, *args, "--corpus", corpus).exit_code == 2
