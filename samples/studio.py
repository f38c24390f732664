"""Mixing tools that the sample makers share: filters, room, limiter, FLAC writer.

Signals are float64 arrays of shape (frames, channels), full scale 1.0. Everything is seeded, so a rerun gives
the same samples. Needs numpy, scipy and soundfile only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from scipy import ndimage, signal


def db(level: float) -> float:
    """Amplitude factor of a level in dB."""
    return 10.0 ** (level / 20.0)


def passband(
    x: np.ndarray, rate: int, low: float | None = None, high: float | None = None, order: int = 2
) -> np.ndarray:
    """Butterworth high-pass at `low` Hz and low-pass at `high` Hz, either left out when None."""
    if low is not None:
        x = signal.sosfilt(signal.butter(order, low, "highpass", fs=rate, output="sos"), x, axis=0)
    if high is not None:
        x = signal.sosfilt(signal.butter(order, high, "lowpass", fs=rate, output="sos"), x, axis=0)
    return x


def high_shelf(x: np.ndarray, rate: int, corner: float, gain_db: float) -> np.ndarray:
    """Raise or lower what lies above `corner` Hz by `gain_db`, with a first-order slope."""
    return x + (db(gain_db) - 1.0) * passband(x, rate, low=corner, order=1)


def pan(mono: np.ndarray, position: float | np.ndarray) -> np.ndarray:
    """Place a mono signal between -1 (left) and 1 (right) at constant power; `position` may move in time."""
    angle = (np.asarray(position) + 1.0) * np.pi / 4.0
    return np.stack([mono * np.cos(angle), mono * np.sin(angle)], axis=-1)


def room(rate: int, seconds: float, seed: int, predelay: float = 0.015, damping: float = 0.35) -> np.ndarray:
    """A stereo impulse response whose two sides are independent noise, so that the tail is wide.

    `seconds` is the 60 dB decay time in the bass; each octave above 1 kHz decays faster by the factor
    1 / (1 + damping). A dozen early reflections in the first 60 ms give the walls.
    """
    rng = np.random.default_rng(seed)
    frames = int(rate * (predelay + seconds))
    time = np.arange(frames) / rate
    tail = np.zeros((frames, 2))
    edges = [90, 250, 500, 1000, 2000, 4000, 8000, 0.45 * rate]
    for low, high in zip(edges, edges[1:]):
        decay = seconds / (1.0 + damping) ** max(0.0, np.log2(high / 1000.0))
        band = passband(rng.standard_normal((frames, 2)), rate, low, high)
        tail += band * 10.0 ** (-3.0 * time / decay)[:, None]
    tail *= np.minimum(1.0, time / 0.03)[:, None]
    tail /= np.sqrt(np.mean(np.sum(tail**2, axis=0)))
    for side in range(2):
        for delay in rng.uniform(0.004, 0.06, 12):
            tail[int(rate * delay), side] += rng.choice([-1, 1]) * 0.25 * np.exp(-delay / 0.03)
    return np.concatenate([np.zeros((int(rate * predelay), 2)), tail])[:frames]


def convolve(x: np.ndarray, response: np.ndarray) -> np.ndarray:
    """The wet signal of stereo `x` in a room, as long as `x`; a little of each side reaches the other."""
    crossed = x @ np.array([[0.8, 0.2], [0.2, 0.8]])
    return signal.fftconvolve(crossed, response, axes=0)[: len(x)]


def compress(
    x: np.ndarray, rate: int, threshold_db: float, ratio: float, release: float = 0.12
) -> np.ndarray:
    """Lower what is louder than a threshold (RMS, channels linked), with `release` seconds of smoothing."""
    pole = np.exp(-1.0 / (rate * release))
    power = signal.lfilter([1.0 - pole], [1.0, -pole], np.mean(x**2, axis=1))
    over = np.maximum(0.0, 10.0 * np.log10(power + 1e-12) - threshold_db)
    return x * 10.0 ** (-over * (1.0 - 1.0 / ratio) / 20.0)[:, None]


def limit(x: np.ndarray, rate: int, ceiling_db: float = -1.3, window: float = 0.004) -> np.ndarray:
    """Hold the true peak (four times oversampled) under a ceiling, by a smooth gain that looks ahead."""
    peaks = np.abs(signal.resample_poly(x, 4, 1, axis=0)).max(axis=1)
    peaks = np.pad(peaks, (0, -len(peaks) % 4)).reshape(-1, 4).max(axis=1)
    gain = np.minimum(1.0, db(ceiling_db) / np.maximum(peaks, 1e-9))
    size = int(rate * window) | 1
    gain = ndimage.minimum_filter1d(gain, 2 * size + 1)
    gain = ndimage.uniform_filter1d(gain, size)
    gain = ndimage.uniform_filter1d(gain, size)
    return x * gain[: len(x), None]


def write_flac(path: Path, x: np.ndarray, rate: int, seed: int = 0) -> None:
    """Write 16 bit FLAC with triangular dither of one step."""
    rng = np.random.default_rng(seed)
    dither = rng.uniform(-0.5, 0.5, x.shape) + rng.uniform(-0.5, 0.5, x.shape)
    steps = np.clip(np.round(x * 32767.0 + dither), -32768, 32767).astype(np.int16)
    soundfile.write(path, steps, rate, format="FLAC", subtype="PCM_16")
