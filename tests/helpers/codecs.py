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
    from nac_cli.train.codec.presets import PRESETS

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


ENCODEC_STEREO = "encodec-stereo-tiny"
FAMILY_MODELS = ("encodec-24k-tiny", ENCODEC_STEREO, "dac-tiny", "snac-tiny", "taae-tiny")
"""Models of the families of others: their smallest presets, and EnCodec's two-channel kind at 12 kHz."""


def family_model(name: str, seed: int = 0):
    """The network of one of FAMILY_MODELS with weights drawn from `seed`, turned up so that its codes follow sound."""
    import torch

    from nac_cli.models import dac, snac
    from nac_cli.models.encodec import config as encodec_config
    from nac_cli.models.encodec.network import EncodecCodec
    from nac_cli.models.quantizers.ema import CodebookAverages
    from nac_cli.models.taae import config as taae_config
    from nac_cli.models.taae.network import TaaeCodec

    configs = {**dac.PRESETS, **snac.PRESETS, **encodec_config.PRESETS, **taae_config.PRESETS}
    configs[ENCODEC_STEREO] = dataclasses.replace(
        configs["encodec-24k-tiny"],
        sample_rate=12_000,
        channels=2,
        causal=False,
        norm="layer",
        normalise=True,
        segment_length=12_000,
        segment_stride=11_880,
    )
    kinds = {"dac": dac.DacCodec, "snac": snac.SnacCodec, "encodec": EncodecCodec, "taae": TaaeCodec}
    torch.manual_seed(seed)
    model = kinds[name.partition("-")[0]](configs[name], name).eval().requires_grad_(False)
    for key, value in model.encoder.named_parameters():
        value.mul_(0 if key.endswith("bias") else 1.5 if value.dim() == 3 and value.shape[-1] > 1 else 1)
    if name.startswith("taae"):
        model.encoder[-1].conv.weight.mul_(4)
    if name.startswith("encodec"):
        z = model.encoder(torch.randn(4, model.channels, 100 * model.spec.hop_length) * 0.3)
        CodebookAverages(model.quantizer).initialise(z.transpose(1, 2).flatten(0, 1), iterations=5)
    return model


def write_family_model(folder: Path, name: str, seed: int = 0) -> Path:
    """`family_model` as a weight file in float32, without tables. Its path."""
    from nac_cli.models import weights

    model = family_model(name, seed)
    path = folder / f"{name}.safetensors"
    weights.save(path, model, dataclasses.asdict(model.config), None, {"licence": "MIT, nobody"}, dtype="float32")
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
