"""Small models for tests: the right shape, random weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

TINY = "nac-44k-tiny"
TINY_LM = f"{TINY}.lm"


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


def write_tiny_lm(folder: Path, seed: int = 0, sounds: Sequence[Path] = ()) -> Path:
    """Write a language model for the model of `write_tiny_model` in `folder` beside it, with weights drawn from `seed`,
    so that it makes any sound larger; or one that knows how frequent codes are in `sounds`, `.nac` files of all
    planes, which saves bits on sounds like these. Its path."""
    from nac_cli.entropy.lm import quantise, save
    from nac_cli.models import weights
    from tests.entropy.lm.models import float_parameters, random_chunk, small

    spec = weights.describe(folder / f"{TINY}.safetensors").spec
    config = small(spec.codebook_sizes, strides=spec.strides)
    rng = np.random.default_rng(seed)
    parameters = float_parameters(rng, config)
    for plane, counts in enumerate(_counts(sounds) if sounds else []):
        name = f"head.logits.{plane}"
        parameters[f"{name}.weight"] = parameters[f"{name}.weight"] * 0.1
        parameters[f"{name}.bias"] = np.log(counts + 0.5)
    path = folder / f"{TINY_LM}.safetensors"
    save(path, quantise(parameters, config, [random_chunk(rng, config, 60)]))
    return path


def _counts(sounds: Sequence[Path]) -> np.ndarray:
    """How often each code of each plane occurs in packed `.nac` files, `[K, N]`."""
    from nac_cli.container import ContainerReader
    from nac_cli.entropy import unpack

    counts = 0
    for sound in sounds:
        with open(sound, "rb") as file:
            reader = ContainerReader(file)
            for record in reader.chunks():
                chunk = unpack(record.payload, record.num_frames, reader.info, record.mode)
                sizes = reader.info.codec.codebook_sizes
                for channel in chunk.codes:
                    seen = [np.bincount(codes[codes >= 0], minlength=size) for codes, size in zip(channel, sizes)]
                    counts = counts + np.stack(seen)
    return counts
