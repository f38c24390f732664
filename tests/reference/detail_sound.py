"""A layer laid over the sound of the codes, as format_spec.md section 10.5 says: matrices where nac_cli has fast
transforms."""

from __future__ import annotations

import numpy as np

from tests.reference.detail_decoder import Layer, band_edges, superframe

ALPHA = [0.5, 0.5, 0.3, 0.7, 0.5, 0.7, 0.3, 0.7]
BETA = [0.3, 0.0, 0.3, 0.3, 0.6, 0.0, 0.6, 0.6]


def rotate(x: np.ndarray, sizes: list[int], direction: int) -> None:
    n = 0
    for size, following in zip(sizes, sizes[1:]):
        n += size
        s = min(size, following)
        for i in range(s // 2):
            angle = np.pi / 2 * np.sin(np.pi / 2 * (1 / 2 + (i + 1 / 2) / s)) ** 2
            left, right = x[n - 1 - i], x[n + i]
            x[n - 1 - i] = left * np.sin(angle) - direction * right * np.cos(angle)
            x[n + i] = right * np.sin(angle) + direction * left * np.cos(angle)


def cosines(size: int, last: bool) -> np.ndarray:
    """`[line, sample]`."""
    samples, lines = np.arange(size) + 1 / 2, np.arange(size)[:, None] + (0 if last else 1 / 2)
    matrix = np.sqrt(2 / size) * np.cos(np.pi / size * samples * lines)
    if last:
        matrix[0] *= np.sqrt(1 / 2)
    return matrix


def split(values: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    return np.split(values, np.cumsum(sizes)[:-1])


def lay_over(sound: np.ndarray, layer: Layer, rate: int) -> np.ndarray:
    """The sound of the codes of a chunk, after the gate -> with its detail, before the gain."""
    sizes, edges, whole = layer.sizes, np.array(band_edges(rate)), superframe(rate)
    place = np.arange(sum(sizes)) % (2 * len(sound))
    x = np.asarray(sound, float)[np.where(place < len(sound), place, 2 * len(sound) - 1 - place)]
    rotate(x, sizes, 1)
    matrices = [cosines(size, i == len(sizes) - 1) for i, size in enumerate(sizes)]
    lines = [matrix @ block for matrix, block in zip(matrices, split(x, sizes))]
    power = np.array([
        [np.mean(part**2) for part in np.split(block, edges[1:-1] * (len(block) // edges[-1]))] for block in lines
    ])  # fmt: skip
    around = np.concatenate((power[:1], power, power[-1:]))
    envelope = np.log((around[:-2] + 2 * power + around[2:]) / 4 + 1e-8)
    start, results = 0, []
    for t, (block, q) in enumerate(zip(lines, split(np.array(layer.levels), sizes))):
        size = len(block)
        k, scale = np.arange(size), size // edges[-1]
        band = np.searchsorted(edges * scale, k, side="right") - 1
        follows = np.interp(k + 1 / 2, (edges[1:] + edges[:-1]) / 2 * scale, envelope[t])
        hertz = np.maximum((k + 1 / 2) * rate / (2 * size), 200)
        step = 2 ** ((layer.step - 128) / 8) * np.exp(ALPHA[layer.form] / 2 * follows)
        step *= (hertz / 1000) ** BETA[layer.form]
        share = np.array(layer.predictions)[band] / 7
        gain = np.array(layer.gains[start // whole])[band]
        filled = share * block + np.minimum(np.maximum((1 - share) * block, -0.6 * step), 0.6 * step)
        coded = share * block + np.sign(q) * (np.abs(q) - 0.04) * step
        results.append(np.where(q != 0, coded, filled * 10 ** (3 * gain / 20)))
        start += size
    x = np.concatenate([matrix.T @ block for matrix, block in zip(matrices, results)])
    rotate(x, sizes, -1)
    return x[: len(sound)]
