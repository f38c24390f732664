"""Small models for tests: the right shape, random weights."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

TINY = "nac-44k-tiny"


def write_tiny_model(folder: Path, seed: int = 0, noise: bool = False) -> Path:
    """Write a weight file named TINY into `folder`: the preset's network with weights drawn from `seed`, which makes
    noise of any sound, codebooks fitted to what its encoder gives for noise, so that each plane lowers the
    distortion, and frequency tables that hold all codes for equally likely. Its path.

    With `noise`, the decoder has two noise blocks, as loud as what they are added to."""
    import torch

    from nac_cli.entropy import from_counts
    from nac_cli.models import weights
    from nac_cli.models.quantizers.kmeans import initialise
    from nac_cli.models.spectral import SpectralCodec
    from nac_cli.train.config import PRESETS

    config = PRESETS[TINY].model
    if noise:
        config = dataclasses.replace(config, noise=True, decoder_fine_blocks=2)
    torch.manual_seed(seed)
    model = SpectralCodec(config, TINY).eval()
    with torch.no_grad():
        for block in model.decoder.noise:
            block.gate.weight.mul_(10)
        initialise(model.quantizer, model.encoder(torch.randn(4, 100 * config.hop_length)).flatten(0, 1))
    tables = np.stack([from_counts(np.ones(config.codebook_size, np.int64))] * config.num_codebooks)
    path = folder / f"{TINY}.safetensors"
    weights.save(path, model, dataclasses.asdict(config), tables, {"steps": 0})
    return path
