"""Runs of every family resume where they were."""

from __future__ import annotations

import pytest
import torch

from nac_cli.train.loop import Trainer, train
from tests.train.micro import MICRO, some_batches

every_family = pytest.mark.parametrize("name", MICRO)


@every_family
@pytest.mark.parametrize("stop", [2, 4], ids=["before the codebooks", "after"])
def test_a_resumed_run_equals_an_uninterrupted_one(tones, tmp_path, name, stop):
    config = MICRO[name]
    for which in ("whole", "part"):
        (tmp_path / which).mkdir()
    run, part = (Trainer(config, tmp_path / which, "cpu") for which in ("whole", "part"))
    train(run, tones)
    for batch in some_batches(tones, config, stop):
        part.train_step(batch)
    part.save()
    resumed = Trainer.resume(part.folder, "cpu")
    train(resumed, tones)
    assert resumed.step == config.steps
    pairs = [
        (run.model.state_dict(), resumed.model.state_dict()), (run.ema.state_dict(), resumed.ema.state_dict()),
        (run.codebooks.state().state_dict(), resumed.codebooks.state().state_dict()),
        (run.adversary.discriminators.state_dict(), resumed.adversary.discriminators.state_dict()),
    ]
    for one, other in pairs:
        assert one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())
    assert torch.equal(run.codebooks.usage.share, resumed.codebooks.usage.share)
