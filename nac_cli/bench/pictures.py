"""Spectrograms as PNG images."""

from __future__ import annotations

import base64
import io

import numpy as np
from scipy.signal import stft

TOP_HERTZ = 20_000
DEPTH = 90
"""dB from the loudest possible sine, white, down to black."""
WIDTH, HEIGHT = 420, 160
WINDOW = 2048


def spectrogram_uri(samples: np.ndarray, sample_rate: int) -> str:
    """Channels `[C, T]` mixed down, as a data URI: 0 Hz at the bottom, TOP_HERTZ at the top whatever the
    sample rate, so that pictures can be compared."""
    from bokeh.palettes import Magma256
    from PIL import Image

    image = Image.fromarray(_levels(samples.mean(axis=0), sample_rate), mode="P")
    image.putpalette(bytes.fromhex("".join(colour[1:7] for colour in Magma256)))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _levels(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """uint8 `[HEIGHT, WIDTH]`, the highest band first: of each cell the strongest frequency's mean power."""
    padded = np.pad(samples, (0, max(WINDOW - len(samples), 0)))
    hop = max(len(padded) // WIDTH, 1)
    overlap = max(WINDOW - min(hop, WINDOW // 2), 0)
    frequencies, _, spectrum = stft(padded, sample_rate, nperseg=WINDOW, noverlap=overlap)
    power = np.square(np.abs(spectrum) * 2)  # a sine of amplitude 1 has 1
    columns = _cells(power, power.shape[1], WIDTH, axis=1)
    bands = np.searchsorted(frequencies, np.linspace(0, TOP_HERTZ, HEIGHT + 1))
    rows = [
        columns[low : max(high, low + 1)].max(axis=0) if low < len(columns) else np.zeros(WIDTH)
        for low, high in zip(bands[:-1], bands[1:])
    ]
    decibels = 10 * np.log10(np.maximum(np.stack(rows[::-1]), 1e-12))
    return (np.clip(1 + decibels / DEPTH, 0, 1) * 255).astype(np.uint8)


def _cells(values: np.ndarray, length: int, count: int, axis: int) -> np.ndarray:
    """Means over `count` even stretches of an axis."""
    edges = np.linspace(0, length, count + 1)
    starts = np.minimum(edges[:-1].astype(int), length - 1)
    stops = np.maximum(edges[1:].astype(int), starts + 1)
    sums = np.concatenate([np.zeros_like(values[:, :1]), values.cumsum(axis=axis)], axis=axis)
    return (sums[:, stops] - sums[:, starts]) / (stops - starts)
