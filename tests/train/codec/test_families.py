"""Every family learns, by its paper's losses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from nac_cli.train.codec.config import AdversaryConfig
from nac_cli.train.codec.loop import train
from nac_cli.train.codec.trainer import Trainer
from nac_cli.train.codec.validation import decoded
from tests.train.codec.micro import MICRO, some_batches

PLAYED = {"adv/gen", "adv/feature", "vq/commitment", "vq/codebook", "loss"}
LOSSES = {
    "encodec": {"mel/encodec", "waveform/loss"} | PLAYED,
    "encodec stereo": {"mel/encodec", "waveform/loss"} | PLAYED,
    "dac": {"mel/loss"} | PLAYED,
    "snac": {"mel/loss"} | PLAYED,
    "taae": {"stft/magnitude", "waveform/loss", "adv/feature", "loss"},
}
CLOSENESS = {"encodec": "mel/encodec", "encodec stereo": "mel/encodec", "taae": "stft/magnitude"}
every_family = pytest.mark.parametrize("name", MICRO)


@every_family
def test_a_step_has_its_papers_losses_and_moves_everything(tones, tmp_path, name):
    config = replace(MICRO[name], quantizer_start=0, steps=2, adversary=replace(MICRO[name].adversary, warmup_steps=0))
    trainer = Trainer(config, tmp_path, "cpu")
    batch = some_batches(tones, config, 1)[0]
    assert batch.shape == (2, config.channels, config.excerpt_frames * config.model.hop_length)
    before = {key: value.clone() for key, value in trainer.model.state_dict().items()}
    said = trainer.train_step(batch)
    assert set(said) - {"adv/disc"} == LOSSES[name]
    assert all(torch.isfinite(torch.tensor(value)) for value in said.values())
    moved = {key for key, value in trainer.model.state_dict().items() if not torch.equal(value, before[key])}
    assert {key.split(".")[0] for key in moved} == {key.split(".")[0] for key in before}


@every_family
def test_the_loss_falls(tones, tmp_path, name):
    config = replace(MICRO[name], adversary=AdversaryConfig(), mel_scales_per_step=7, adam_rate=5e-3)
    trainer = Trainer(config, tmp_path, "cpu")
    batch = some_batches(tones, config, 1)[0]
    mel = [trainer.train_step(batch)[CLOSENESS.get(name, "mel/loss")] for _ in range(14)]
    assert np.mean(mel[-3:]) < 0.85 * mel[0], mel


@every_family
def test_validation_decodes_a_recording_of_any_length(name, tmp_path):
    model = Trainer(MICRO[name], tmp_path, "cpu").ema_model()
    wav = torch.randn(10_001).numpy() * 0.1
    wav_hat = decoded(model, wav, planes=2)
    assert wav_hat.shape == wav.shape and not (wav_hat == 0).all()


@pytest.mark.parametrize("name", sorted(set(MICRO) - {"taae"}))
def test_dead_codes_get_a_life(tones, tmp_path, name):
    trainer = Trainer(replace(MICRO[name], revive_below=1.0, revive_every=1), tmp_path, "cpu")
    train(trainer, tones)
    assert trainer.codebooks.revived > 0
