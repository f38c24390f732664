"""Small language models and chunks for the tests of this package."""

from __future__ import annotations

import numpy as np

from nac_cli.entropy.lm import IntegerModel, LmConfig, quantise
from nac_cli.entropy.lm.reference import layout
from nac_cli.entropy.lm.self_test import seal
from nac_cli.entropy.lm.weights import layout as integer_layout
from nac_cli.values import ABSENT

Chunk = tuple[np.ndarray, np.ndarray]


def small(sizes: tuple[int, ...] = (7, 16, 33), **changes) -> LmConfig:
    shape = {
        "strides": (1,) * len(sizes),
        "layers": 2,
        "width": 16,
        "heads": 2,
        "feed_width": 32,
        "window": 12,
        "head_width": 24,
    }
    return LmConfig(codebook_sizes=sizes, **{**shape, **changes})


def random_chunk(rng: np.random.Generator, config: LmConfig, num_frames: int, deepest: int | None = None) -> Chunk:
    """Uniform codes at random depths; `deepest` alone if given."""
    depths = rng.integers(0, config.planes + 1, num_frames) if deepest is None else np.full(num_frames, deepest)
    occurs = config.occurs(depths, np.arange(num_frames))
    codes = np.stack([rng.integers(0, size, num_frames) for size in config.codebook_sizes])
    return np.where(occurs, codes, ABSENT).astype(np.int32), depths


def float_parameters(rng: np.random.Generator, config: LmConfig, sharpness: float = 1.0) -> dict[str, np.ndarray]:
    """As at the end of a training: norms near 1, outliers here and there, logits of a few nats."""
    parameters = {}
    for name, shape in layout(config).items():
        if ".norm" in name:
            value = rng.uniform(0.5, 1.5, shape)
        elif name.endswith(".position"):
            value = -np.exp2(-np.arange(shape[0]))[:, None] * np.arange(shape[1]) + rng.normal(0, 0.1, shape)
        elif name.endswith(".weight"):
            value = rng.standard_t(5, shape) / np.sqrt(shape[1])
        else:
            value = rng.standard_t(5, shape) * (0.3 if name.endswith(".bias") else 0.5)
        parameters[name] = value * (sharpness if ".logits." in name else 1.0)
    return parameters


def quantised(config: LmConfig, seed: int = 0, frames: int = 60) -> IntegerModel:
    rng = np.random.default_rng(seed)
    return quantise(float_parameters(rng, config), config, [random_chunk(rng, config, frames)])


def extreme(config: LmConfig, seed: int = 0) -> IntegerModel:
    """Every tensor at one of its bounds, entry by entry; the known-answer test is a real one."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, field in integer_layout(config).items():
        tensors[name] = rng.choice([field.low, field.high], field.shape).astype(field.dtype)
    tensors["exponential"][0], tensors["exponential"][-1] = 1 << 20, 0
    tensors["test.codes"][:], tensors["test.depths"][:] = ABSENT, 0
    return seal(IntegerModel(config, tensors))
