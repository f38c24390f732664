"""The detail layer of one channel in one chunk as integers, and the rules that integers follow from: block lengths
and bands.

What lies between the base's sound and the recording is transformed in blocks (`nac_cli.detail`), and its integers are
coded (`nac_cli.entropy.detail`). Time is cut into superframes, a superframe into one, two .. eight blocks, and the
lines of a block into the same bands whatever its length.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nac_cli.kernels.detail.fields import MOST_GAIN, MOST_LEVEL

__all__ = [
    "EDGES", "HALVINGS", "MOST_GAIN", "MOST_LEVEL", "PREDICTIONS", "SHAPES", "STEPS", "STEPS_PER_OCTAVE", "UNIT_STEP",
    "DetailLayer", "band_edges", "cut_off", "empty_lines", "owners", "padded_length", "superframe_length",
]  # fmt: skip

HALVINGS = 3
"""How often a superframe may be halved: its shortest block is an eighth of it."""
STEPS = 256
STEPS_PER_OCTAVE = 8
UNIT_STEP = 128
"""The step index of quantisation steps of 1."""
SHAPES = 8
PREDICTIONS = 8
"""Prediction gains are 0, 1/7 .. 1."""
EDGES = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 18, 22, 26, 31, 37, 44, 52, 62, 74, 88, 105, 125, 149, 178, 213, 256)
"""Where bands begin and end, in lines of the shortest block (about 86 Hz): one line each, then about 17 % wide."""


@dataclass(frozen=True)
class DetailLayer:
    """The integers of a layer of T samples, T a multiple of the superframe; B blocks, N bands.

    - `step`: index of the quantisation step, 2^((step - 128) / 8) times what the base's envelope makes of it (0..255).
    - `shape`: how steps follow the envelope, index of `detail.shapes.SHAPES`.
    - `sizes` int64 `[B]`: length of each block, adding up to T; no block lies across a superframe's boundary.
    - `predictions` int64 `[N]`: sevenths of the base that are taken off before quantising, by band (0..7).
    - `levels` int32 `[T]`: quantised coefficients, block after block, each from low to high (-32782..32782).
    - `gains` int64 `[superframes, N]`: 3 dB steps by which lines without a level are louder than the base's (-4..4); 0
      where a band has none in the whole superframe.
    """

    step: int
    shape: int
    sizes: np.ndarray
    predictions: np.ndarray
    levels: np.ndarray
    gains: np.ndarray


def superframe_length(sample_rate: int) -> int:
    """Samples: the largest power of two within a twentieth of a second (2048 at 44.1 kHz); 64 at least."""
    return max(64, 1 << (sample_rate // 20).bit_length() - 1)


def padded_length(num_samples: int, sample_rate: int) -> int:
    """T: the next multiple of the superframe."""
    superframe = superframe_length(sample_rate)
    return -(-num_samples // superframe) * superframe


def band_edges(superframe: int) -> np.ndarray:
    """int64 `[N + 1]`, in lines of the shortest block: a block twice as long has twice as many lines in each band."""
    lines = superframe >> HALVINGS
    inside = [edge for edge in EDGES if edge < lines]
    while lines - inside[-1] < inside[-1] - inside[-2] and len(inside) > 2:
        inside.pop()  # the last band is not narrower than the one below it
    return np.array([*inside, lines], np.int64)


def cut_off(layer: DetailLayer, bands: int, superframe: int) -> DetailLayer:
    """`layer` without anything above its lowest `bands` bands."""
    scales = layer.sizes // (superframe >> HALVINGS)
    places = np.arange(len(layer.levels)) - np.repeat(np.cumsum(layer.sizes) - layer.sizes, layer.sizes)
    kept = places < np.repeat(band_edges(superframe)[bands] * scales, layer.sizes)
    gains = np.where(np.arange(layer.gains.shape[1]) < bands, layer.gains, 0)
    return replace(layer, levels=np.where(kept, layer.levels, 0).astype(np.int32), gains=gains)


def owners(sizes: np.ndarray, superframe: int) -> np.ndarray:
    """int64 `[B]`: the superframe that each block lies in."""
    return (np.cumsum(sizes) - 1) // superframe


def empty_lines(levels: np.ndarray, sizes: np.ndarray, superframe: int) -> np.ndarray:
    """int64 `[superframes, N]`: 0 where every line of a band has a level, 2 where none has, 1 between."""
    edges = band_edges(superframe)
    present = np.concatenate(([0], np.cumsum(levels != 0)))
    starts = np.cumsum(sizes) - sizes
    ends = starts[:, None] + (sizes // (superframe >> HALVINGS))[:, None] * edges
    counts = np.zeros((len(levels) // superframe, len(edges) - 1), np.int64)
    np.add.at(counts, owners(sizes, superframe), np.diff(present[ends], axis=1))
    widths = np.diff(edges) << HALVINGS
    return np.where(counts == 0, 2, np.where(counts < widths, 1, 0))
