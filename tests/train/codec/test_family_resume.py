"""Runs of every family resume where they were."""

from __future__ import annotations

import pytest
import torch

from nac_cli.train.codec.loop import train
from nac_cli.train.codec.trainer import Trainer
from tests.train.codec.micro import MICRO, some_batches


@pytest.fixture(scope="module", params=MICRO)
def run(request, tones, tmp_path_factory):
    """A run of each family that nothing interrupted."""
    run = Trainer(MICRO[request.param], tmp_path_factory.mktemp("whole"), "cpu")
    train(run, tones)
    return run


@pytest.mark.parametrize("stop", [2, 4], ids=["before the codebooks", "after"])
def test_a_resumed_run_equals_an_uninterrupted_one(run, tones, tmp_path, stop):
    config, part = run.config, Trainer(run.config, tmp_path, "cpu")
    for batch in some_batches(tones, config, stop):
        part.train_step(batch)
    part.save()
    resumed = Trainer.resume(part.folder, "cpu")
    train(resumed, tones)
    assert resumed.step == config.steps
    pairs = [
        (run.model.state_dict(), resumed.model.state_dict()),
        (run.ema.state_dict(), resumed.ema.state_dict()),
        (run.codebooks.state().state_dict(), resumed.codebooks.state().state_dict()),
        (run.adversary.discriminators.state_dict(), resumed.adversary.discriminators.state_dict()),
    ]
    for one, other in pairs:
        assert one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())
    assert torch.equal(run.codebooks.usage.share, resumed.codebooks.usage.share)
