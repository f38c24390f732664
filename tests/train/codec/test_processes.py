"""Two processes that share the batches make the same model as one that has them all."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file

from nac_cli.train import checkpoint
from nac_cli.train.codec.config import AdversaryConfig
from nac_cli.train.codec.loop import train
from nac_cli.train.codec.presets import PRESETS
from nac_cli.train.codec.trainer import CHECKPOINT, Trainer
from nac_cli.train.corpus.prepare import find_audio, prepare
from nac_cli.train.records import to_json

CONFIG = replace(
    PRESETS["nac-44k-tiny"],
    steps=8,
    batch_size=4,
    quantizer_start=3,
    warmup_steps=1,
    revive_every=4,
    revive_below=0.5,
    adversary=AdversaryConfig(kinds=("stft",), windows=(512,), channels=4, warmup_steps=2),
)
PROGRAM = """
import sys
from pathlib import Path
from safetensors.torch import save_file
from nac_cli.train.records import from_json
from nac_cli.train.codec.loop import train
from nac_cli.train.codec.trainer import Trainer
folder = Path(sys.argv[2])
trainer = Trainer(from_json(sys.argv[1]), folder, "cpu")
train(trainer, Path(sys.argv[3]), time_limit=600)
save_file(trainer.model.state_dict(), folder / f"{trainer.processes.rank}.safetensors")
"""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder, target = tmp_path_factory.mktemp("recordings"), tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    soundfile.write(folder / "noise.wav", rng.normal(0, 0.1, 4 * 44_100).clip(-1, 1), 44_100)
    prepare(find_audio(folder), target, 44_100, workers=1)
    return target


def train_in_two(config, folder, corpus) -> list[dict[str, torch.Tensor]]:
    """The models of both processes, each with half of the batch."""
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = to_json(replace(config, batch_size=config.batch_size // 2))
    processes = []
    for rank in range(2):
        there = {"WORLD_SIZE": "2", "RANK": str(rank), "LOCAL_RANK": str(rank), "MASTER_ADDR": "127.0.0.1"}
        there |= {"MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-c", PROGRAM, text, str(folder), str(corpus)]
        processes.append(subprocess.Popen(command, env=os.environ | there))
    assert [process.wait(timeout=300) for process in processes] == [0, 0]
    return [load_file(folder / f"{rank}.safetensors") for rank in range(2)]


def test_two_processes_learn_what_one_learns(corpus, tmp_path):
    config = replace(CONFIG, steps=2, adversary=AdversaryConfig())
    alone = Trainer(config, tmp_path, "cpu")
    before = {name: value.clone() for name, value in alone.model.state_dict().items()}
    train(alone, corpus)
    model, _ = train_in_two(config, tmp_path / "two", corpus)
    for name, value in alone.model.state_dict().items():
        if not name.startswith("quantizer"):
            moved, apart = (value - before[name]).abs().mean(), (model[name] - value).abs().mean()
            assert apart < 0.5 * moved, f"{name}: {apart} apart after a way of {moved}"


def test_processes_stay_equal_through_codebooks_revival_and_adversary(corpus, tmp_path):
    first, second = train_in_two(CONFIG, tmp_path / "two", corpus)
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    state = checkpoint.load(tmp_path / "two" / CHECKPOINT)
    assert state["step"] == 8
    assert torch.equal(state["model"]["decoder.head.bias"], first["decoder.head.bias"])
