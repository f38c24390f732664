"""Runs of every family go on elsewhere, and end in a weight file."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn.utils import parametrize

from nac_cli.entropy.frequencies import TOTAL
from nac_cli.errors import ModelError
from nac_cli.models import weights, zoo
from nac_cli.train.codec import export
from nac_cli.train.codec.families import family_of
from nac_cli.train.codec.loop import train
from nac_cli.train.codec.trainer import Trainer
from nac_cli.train.lm.tokens import tokenise
from tests.train.codec.micro import MICRO, some_batches

every_family = pytest.mark.parametrize("name", MICRO)


def folder(path, name):
    (path / name).mkdir()
    return path / name


@every_family
def test_a_run_becomes_a_weight_file_without_weight_norm(tones, tmp_path, name, monkeypatch):
    monkeypatch.setattr(export, "TABLE_EXCERPTS", 10)
    config = MICRO[name]
    trainer = Trainer(config, folder(tmp_path, "run"), "cpu")
    train(trainer, tones)
    file = export.export(trainer.folder, tmp_path / "mine.safetensors", tones)
    family = family_of(config.model)
    model = family.codec(family.config(**file.config), "mine")
    model.load_state_dict(weights.load_state(file.path))
    learned = trainer.ema_model()
    assert not any(parametrize.is_parametrized(part) for part in learned.modules())
    for key, value in learned.state_dict().items():
        assert torch.equal(model.state_dict()[key], value.half().float()), key
    tables = weights.load_tables(file.path)
    assert tables.shape == (model.spec.num_codebooks, model.spec.codebook_sizes[0]) and (tables.sum(1) == TOTAL).all()
    assert file.training["config"]["model"]["family"] == model.spec.family == file.spec.family


def test_codebooks_too_large_for_tables_and_language_models_have_none(tones, tmp_path):
    config = MICRO["taae"]
    config = replace(config, model=replace(config.model, levels=(182,)), steps=1)
    trainer = Trainer(config, folder(tmp_path, "run"), "cpu")
    train(trainer, tones)
    file = export.export(trainer.folder, tmp_path / "mine.safetensors", tones)
    assert file.spec.codebook_sizes == (33_124,) and weights.load_tables(file.path) is None
    with pytest.raises(ModelError, match="at most"):
        tokenise(tones, tmp_path / "tokens", zoo.load(file))


@every_family
def test_another_run_goes_on_with_what_was_learned(tones, tmp_path, name):
    config = MICRO[name]
    first = Trainer(config, folder(tmp_path, "first"), "cpu")
    train(first, tones)
    still = replace(config, steps=1, adam_rate=1e-9, seed=7)
    second = Trainer(still, folder(tmp_path, "second"), "cpu")
    second.start_from(first.folder)
    before, after = first.ema_model().state_dict(), second.ema_model().state_dict()
    assert all(torch.allclose(value, after[key], atol=1e-5) for key, value in before.items())
    second.train_step(some_batches(tones, still, 1)[0])
    assert second.codebooks.usage.share.std() > 0  # it quantised at once
    with pytest.raises(ModelError, match="other sizes"):
        other = next(other for other in MICRO if other.split()[0] != name.split()[0])
        Trainer(MICRO[other], folder(tmp_path, "third"), "cpu").start_from(first.folder)
