"""A codec from a folder of recordings, in one call."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch

from nac_cli.errors import AudioError, ModelError, OutputExists
from nac_cli.models import zoo
from nac_cli.train import checkpoint
from nac_cli.train.codec import export, run
from nac_cli.train.codec.presets import PRESETS
from nac_cli.train.listener import Listener

RATE = 44_100
CONFIG = replace(PRESETS["nac-44k-tiny"], steps=4, batch_size=2)


class Diary(Listener):
    """Writes down what it is told, and stops the training at a step."""

    def __init__(self, last: int = 10**9):
        self.last, self.entries = last, []

    @contextmanager
    def preparing(self, count):
        self.entries.append(f"preparing {count}")
        yield lambda done, whole: self.entries.append(f"{done} of {whole}")

    def left_out(self, message):
        self.entries.append(f"left out {message.partition(' is ')[0].rpartition('/')[2]}")

    def prepared(self, corpus, items):
        self.entries.append(f"prepared {len(items)}")

    @contextmanager
    def training(self, steps, rank):
        self.entries.append(f"training to {steps}")
        yield lambda step, losses: step >= self.last

    def trained(self, report):
        self.entries.append(f"trained to {report.step}")


@pytest.fixture(autouse=True)
def quick_tables(monkeypatch):
    monkeypatch.setattr(export, "TABLE_EXCERPTS", 20)


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    sound = 0.2 * np.sin(440 * 2 * np.pi * np.arange(2 * RATE) / RATE)
    soundfile.write(folder / "a.flac", sound, RATE)
    (folder / "b.wav").write_bytes(b"no sound")
    return folder


def test_from_a_folder_of_recordings_to_a_weight_file(recordings, tmp_path):
    diary = Diary()
    trained = run.train(recordings, tmp_path / "run", CONFIG, device="cpu", listener=diary)
    assert trained.report.step == 4 and trained.report.losses["loss"] > 0
    assert zoo.describe(trained.model.path).spec == trained.model.spec
    stages = [entry for entry in diary.entries if " of " not in entry]
    assert stages == ["preparing 2", "left out b.wav", "prepared 1", "training to 4", "trained to 4"]
    assert diary.entries.count("2 of 2") == 1


def test_no_run_replaces_another_and_the_one_that_is_there_goes_on(recordings, tmp_path):
    with pytest.raises(ModelError):
        run.train(recordings, tmp_path / "run", device="cpu")
    first = run.train(recordings, tmp_path / "run", CONFIG, device="cpu", time_limit=0.0)
    assert first.report.stopped_by == "time limit" and first.model is None
    with pytest.raises(OutputExists, match="a run is there already"):
        run.train(recordings, tmp_path / "run", CONFIG, device="cpu")
    diary = Diary()
    second = run.train(recordings, tmp_path / "run", steps=2, device="cpu", listener=diary)
    assert second.report.step == 2 and second.model.path.is_file()
    assert diary.entries == ["training to 2", "trained to 2"], "the corpus is there already"


def test_a_listener_stops_a_run_where_its_state_is_whole(recordings, tmp_path):
    diary = Diary(last=3)
    with pytest.raises(KeyboardInterrupt):
        run.train(recordings, tmp_path / "run", CONFIG, device="cpu", listener=diary)
    assert checkpoint.load(tmp_path / "run" / "checkpoint.pt")["step"] == 3
    assert "trained" not in " ".join(diary.entries)


def test_a_run_takes_no_more_threads_than_it_is_given(recordings, tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run.train(recordings, tmp_path / "run", CONFIG, device="cpu", threads=1, time_limit=0.0)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_recordings_of_no_use_make_no_corpus(recordings, tmp_path):
    (recordings / "a.flac").unlink()
    with pytest.raises(AudioError, match="none of 1 file is of use"):
        run.train(recordings, tmp_path / "run", CONFIG, device="cpu")
