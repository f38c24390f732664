"""A training run -> a weight file: averaged weights in float16, frequency tables counted on the corpus."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch

from nac_cli.entropy import from_counts
from nac_cli.models import weights
from nac_cli.models.spectral import SpectralCodec
from nac_cli.train.data import Excerpts
from nac_cli.train.loop import Trainer

TABLE_EXCERPTS = 1500
BATCH = 10


def export(
    run: Path, target: Path, corpus: Path, device: str = "cpu", name: str | None = None
) -> weights.WeightFile:
    """Write the run's averaged weights to `target`, with `static` tables counted on excerpts of `corpus`.

    The model is called `name`, or as the run's config says.
    """
    trainer = Trainer.resume(run, device)
    model = trainer.ema_model()
    model.spec = dataclasses.replace(model.spec, name=name or model.spec.name)
    for parameter in model.parameters():
        parameter.data = parameter.data.half().float()  # the tables belong to the weights as they are stored
    tables = count_tables(model.to(device), corpus, trainer.config)
    training = {"steps": trainer.step, "config": dataclasses.asdict(trainer.config)}
    return weights.save(target, model, dataclasses.asdict(trainer.config.model), tables, training)


@torch.inference_mode()
def count_tables(model: SpectralCodec, corpus: Path, config) -> np.ndarray:
    """Integer frequency tables `[K, N]` of the codes of TABLE_EXCERPTS random excerpts, drawn as in training."""
    length = config.excerpt_frames * config.model.hop_length
    excerpts = Excerpts(corpus, length, config.domain_weights, config.full_band_share, config.augmentation)
    counts = np.zeros((config.model.num_codebooks, config.model.codebook_size), np.int64)
    rng = np.random.default_rng(config.seed + 1)
    device = next(model.parameters()).device
    for _ in range(TABLE_EXCERPTS // BATCH):
        wav = np.stack([excerpts.draw(rng) for _ in range(BATCH)])[:, None]
        codes = model.encode(torch.from_numpy(wav).to(device)).codes
        for plane, count in zip(codes, counts, strict=True):
            count += np.bincount(plane.flatten().cpu().numpy(), minlength=len(count))
    return np.stack([from_counts(count + 1) for count in counts])
