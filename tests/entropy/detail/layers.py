"""Layers at random: everything that a layer may hold, and what is likely."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from nac_cli.detail_layer import DetailLayer, band_edges, empty_lines, padded_length, superframe_length


def random_layer(samples: int, rate: int, seed: int, density: float = 0.05, largest: float = 3.0) -> DetailLayer:
    random = np.random.default_rng(seed)
    superframe = superframe_length(rate)
    length = padded_length(samples, rate)
    sizes = np.concatenate([_cut(superframe, superframe, random) for _ in range(length // superframe)])
    bands = len(band_edges(superframe)) - 1
    levels = np.round(random.laplace(scale=largest, size=length)) * (random.random(length) < density)
    if density and length:
        levels[random.integers(length)] = random.choice([-32782, 32782, 16, -16, 15])
    levels = levels.astype(np.int32)
    shape = length // superframe, bands
    gains = random.integers(-4, 5, shape) * (random.random(shape) < 0.3)
    gains[empty_lines(levels, sizes, superframe) == 0] = 0
    return DetailLayer(
        int(random.integers(256)), int(random.integers(8)), sizes, random.integers(0, 8, bands), levels, gains
    )


def _cut(size: int, superframe: int, random: np.random.Generator) -> np.ndarray:
    if size > superframe // 8 and random.random() < 0.5:
        return np.concatenate([_cut(size // 2, superframe, random) for _ in range(2)])
    return np.array([size], np.int64)


LAYERS = st.builds(
    lambda samples, rate, seed, density, largest: (samples, rate, random_layer(samples, rate, seed, density, largest)),
    st.integers(1, 6000), st.sampled_from([8000, 24000, 44100]), st.integers(0, 2**20), st.sampled_from([0.0, 0.002,
    0.1, 1.0]), st.sampled_from([0.5, 3.0, 200.0]),
)  # fmt: skip


def same(a: DetailLayer, b: DetailLayer) -> bool:
    return (a.step, a.shape) == (b.step, b.shape) and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("sizes", "predictions", "levels", "gains")
    )
