"""Sounds with something tonal, something sudden and a base that is roughly right."""

from __future__ import annotations

import numpy as np

from nac_cli.detail.analysis import Analysis, Costs

RATE = 44100


def costs() -> Costs:
    """Plain ones: a bit and a half for every doubling of a level, dearer in quiet surroundings."""
    symbols = np.arange(18)
    quiet = np.maximum(6 - np.arange(16), 1)[:, None, None]
    levels = np.where(symbols > 0, quiet + 1.5 * np.log2(symbols + 1), 0.2) + np.zeros((16, 11, 18))
    gains = 0.5 + 1.2 * np.abs(np.arange(9) - 4) + np.zeros((9, 9, 9))
    return Costs(levels, gains)


def pair(samples: int, rate: int = RATE, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A recording at unit level and a base with its envelope and two thirds of its waveform."""
    noise = np.random.default_rng(seed)
    times = np.arange(samples) / rate
    tones = sum(np.sin(2 * np.pi * hz * times + hz) for hz in (220.0, 441.0, 1333.3))
    hits = np.exp(-40 * (times % 0.25)) * noise.standard_normal(samples)
    sound = tones + 3 * hits
    sound /= np.sqrt(np.mean(sound**2)) or 1.0
    base = 0.7 * sound + 0.5 * np.abs(sound) * noise.standard_normal(samples)
    return sound, base


def analysis(samples: int = 40000, rate: int = RATE, step: int = 128, seed: int = 0) -> Analysis:
    return Analysis(*pair(samples, rate, seed), rate, step, 0, costs())
