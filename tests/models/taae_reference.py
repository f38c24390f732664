"""The official TAAE, where it is installed (`pip install --no-deps stable-audio-tools==0.0.17 stable-codec
einops`).

Of stable-audio-tools only what the autoencoder is made of is imported; what its modules ask for besides
(diffusion, torchaudio, ...) is stubs. Version 0.0.17 is the one that stable-codec 0.1.2 requires; 0.0.19
cannot build a TAAE.
"""

from __future__ import annotations

import importlib
import io
import sys
import types
import zlib
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

BOTTLENECK = {"levels": 17, "dim": 6, "num_codebooks": 1, "dither_inference": False}
PUBLISHED = {"channels": 256, "c_mults": [4, 4], "strides": [1, 2], "transformer_depths": [8, 20]}
SMALL = {"channels": 256, "c_mults": [1, 1], "strides": [1, 2], "transformer_depths": [1, 2]}


RANGES = {
    ".gamma": (0.8, 1.2),
    "_norm.weight": (0.8, 1.2),
    "_norm.bias": (-0.1, 0.1),
    ".scale": (0.05, 0.2),
    "encoder.layers.0.weight_g": (12, 20),
    ".weight_g": (0.6, 1.0),
    ".bias": (-0.1, 0.1),
    ".weight_v": (-1, 1),
    ".weight": (-1.7, 1.7),
}
"""Bounds of random weights, by the first ending of their name that fits; those of matrices are divided by the
root of the number of inputs. With them each layer matters, and latents fill the bottleneck's range."""


def random_weight(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """A weight of the official layout that depends on its name and shape alone, alike on every machine and
    version."""
    low, high = next(bounds for ending, bounds in RANGES.items() if name.endswith(ending))
    words = np.random.PCG64(zlib.crc32(name.encode())).random_raw(prod(shape)) >> np.uint64(40)
    values = torch.from_numpy(words.astype(np.float32)).reshape(shape) / 2**24
    fan_in = prod(shape[1:]) if name.endswith(".weight") else 1
    return ((high - low) * values + low) / fan_in**0.5


def model_config(window: list[int] | None = None, **shape: object) -> dict:
    """A `model_config.json` of the published form."""
    half = {"latent_dim": 6, "sliding_window": window or [63, 64]} | shape
    return {
        "model_type": "autoencoder",
        "sample_rate": 16_000,
        "sample_size": 81_920,
        "model": {
            "encoder": {"type": "taae", "config": {"in_channels": 320} | half},
            "decoder": {"type": "taae", "config": {"out_channels": 320} | half},
            "bottleneck": {"type": "dithered_fsq", "config": dict(BOTTLENECK)},
            "pretransform": {"type": "patched", "config": {"channels": 1, "patch_size": 320}},
            "latent_dim": 6,
            "downsampling_ratio": 640,
            "io_channels": 1,
        },
    }


GOLDEN_CONFIG = model_config([5, 6], **SMALL)
"""Of `golden/taae.npz`: its window is shorter than the 18 patches of the input."""


def reference(config: dict) -> nn.Module:
    """The package's autoencoder for a `model_config.json`, with `random_weights`. Skips the test where it is
    not installed."""
    _install()
    with _quiet():
        model = importlib.import_module("stable_audio_tools.models.factory").create_model_from_config(config)
    for layer in model.modules():
        if hasattr(layer, "sliding_window"):
            layer.use_fa_flash, layer.use_pt_flash = False, True
            layer.flash_attn = _windowed(layer.sliding_window)
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(random_weight(name, tuple(value.shape)))
    return model.eval().requires_grad_(False)


def residual_bottleneck(levels: tuple[int, ...]) -> nn.Module:
    """stable-codec's `ResidualFSQBottleneck` with those levels in each of 6 dimensions, its scales as in its
    presets."""
    home = _home("stable_codec", "residual_fsq.py")
    if home is None:
        pytest.skip("stable-codec is not installed")
    pytest.importorskip("einops", reason="einops is not installed")
    _package("stable_codec", home)
    scales = [1.0]
    for count in levels:
        scales.append(scales[-1] / (count - 1))
    stages = [([count] * 6, scale) for count, scale in zip(levels, scales)]
    return importlib.import_module("stable_codec.residual_fsq").ResidualFSQBottleneck(stages).eval()


def _windowed(window: list[int]):
    """What FlashAttention computes with `window_size=window`, in full precision: keys from `window[0]` before
    to `window[1]` after a query (its documentation), else softmax attention as usual."""

    def attention(query, key, value, mask=None, causal=None):
        places = torch.arange(query.shape[2])
        apart = places[None, :] - places[:, None]
        seen = (apart >= -window[0]) & (apart <= window[1])
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=seen)

    return attention


def _install() -> None:
    home = _home("stable_audio_tools", "models/autoencoders.py")
    if home is None:
        pytest.skip("stable-audio-tools is not installed")
    attention = home.joinpath("models/transformer.py").read_text(encoding="utf-8").partition("Conformer")[0]
    if "self.sliding_window" not in attention:
        pytest.skip("this version of stable-audio-tools cannot build a TAAE; 0.0.17 can")
    pytest.importorskip("einops", reason="einops is not installed")
    if "stable_audio_tools.models.autoencoders" in sys.modules:
        return
    for name in ("stable_audio_tools", "stable_audio_tools.models"):
        _package(name, home.joinpath(*name.split(".")[1:]))
    stub = types.ModuleType("stub")
    stub.__getattr__ = _anything
    stub.transforms = stub
    outside = ("torchaudio", "torchaudio.transforms", "alias_free_torch")
    inside = ("inference", "inference.sampling", "inference.utils", "models.diffusion", "models.blocks")
    for name in (*outside, *(f"stable_audio_tools.{part}" for part in inside)):
        sys.modules.setdefault(name, stub)
    with _quiet():
        importlib.import_module("stable_audio_tools.models.autoencoders")
    for name in [name for name, module in sys.modules.items() if module is stub]:
        del sys.modules[name]


def _anything(name: str) -> type:
    """What the modules take from others without using it."""
    if name.startswith("__"):
        raise AttributeError(name)
    return object


def _package(name: str, folder: Path) -> None:
    """Without what its `__init__` imports."""
    if name not in sys.modules:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]


def _home(package: str, file: str) -> Path | None:
    folders = [Path(folder) / package for folder in sys.path]
    return next((folder for folder in folders if folder.joinpath(file).exists()), None)


class _quiet:
    """The package prints."""

    def __enter__(self):
        self.stdout, sys.stdout = sys.stdout, io.StringIO()

    def __exit__(self, *exception):
        sys.stdout = self.stdout
