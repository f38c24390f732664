"""Make `ambience.flac`, 12 s of stereo at 48 kHz: rain, wind, one roll of far thunder, and two birds.

python samples/make_ambience.py samples/ambience.flac
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from scipy import signal

import studio

RATE = 48000
SECONDS = 12.0
FRAMES = round(RATE * SECONDS)
TIME = np.arange(FRAMES) / RATE


def wander(rng: np.random.Generator, period: float) -> np.ndarray:
    """A smooth curve between about -1 and 1 that turns every `period` seconds; returns (FRAMES,)."""
    knots = rng.uniform(-1, 1, int(SECONDS / period) + 4)
    grid = np.arange(len(knots)) * period - period
    smooth = np.interp(TIME, grid, knots)
    width = round(RATE * period) | 1
    return signal.fftconvolve(
        np.pad(smooth, width // 2, "edge"), signal.windows.hann(width) * 2 / width, "valid"
    )


def noise(rng: np.random.Generator, shared: float) -> np.ndarray:
    """Two channels of white noise with a part in common; returns (FRAMES, 2)."""
    apart, common = rng.standard_normal((FRAMES, 2)), rng.standard_normal((FRAMES, 1))
    return np.sqrt(1 - shared) * apart + np.sqrt(shared) * common


def rain(rng: np.random.Generator) -> np.ndarray:
    """A bed of fine drops (noise that falls off slowly to 20 kHz) that comes and goes a little."""
    hiss = studio.passband(noise(rng, 0.15), RATE, low=700, high=9000, order=1)
    body = studio.passband(noise(rng, 0.2), RATE, low=250, high=1800, order=1)
    return (0.05 * hiss + 0.012 * body) * studio.db(2.5 * wander(rng, 2.0))[:, None]


def drops(rng: np.random.Generator, count: int) -> np.ndarray:
    """Single drops: on leaves a click of noise, in puddles a short tone that rises as the bubble closes."""
    out = np.zeros((FRAMES, 2))
    for _ in range(count):
        length = int(RATE * 0.06)
        first, near = rng.integers(0, FRAMES - length), rng.uniform(0.1, 1.0) ** 3
        age = np.arange(length) / RATE
        if rng.uniform() < 0.35:
            pitch, decay = rng.uniform(900, 3800), rng.uniform(0.006, 0.018)
            tone = np.sin(2 * np.pi * (pitch * age + 4.0 * pitch * age**2)) * np.minimum(1, age / 0.001)
            drop = 0.35 * tone * np.exp(-age / decay)
        else:
            drop = rng.standard_normal(length) * np.exp(-age / rng.uniform(0.0006, 0.003))
            drop = studio.passband(drop, RATE, low=rng.uniform(800, 5000), order=1)
        out[first : first + length] += 0.22 * near * studio.pan(drop, rng.uniform(-0.95, 0.95))
    return out


def wind(rng: np.random.Generator) -> np.ndarray:
    """Gusts: low noise, and a whistle that follows the same breath and drifts from left to right."""
    breath = np.clip(0.5 + 0.6 * wander(rng, 2.5), 0.05, None)
    low = studio.passband(noise(rng, 0.3), RATE, low=60, high=350) * breath[:, None]
    bands = [
        signal.sosfilt(
            signal.butter(1, [f * 0.93, f * 1.07], "bandpass", fs=RATE, output="sos"),
            rng.standard_normal(FRAMES),
        )
        for f in (420, 560, 740)
    ]
    height = np.clip(2 * breath, 0, 1.999)  # a stronger breath whistles higher
    whistle = sum(band * np.maximum(0, 1 - np.abs(height - place)) for place, band in enumerate(bands))
    return 0.25 * low + 0.35 * studio.pan(whistle * breath**2, np.linspace(-0.6, 0.6, FRAMES))


def thunder(rng: np.random.Generator, start: float) -> np.ndarray:
    """A far roll: overlapping rumbles, each later and duller than the one before, from right to centre."""
    out = np.zeros((FRAMES, 2))
    for n, delay in enumerate([0.0, 0.5, 1.2, 2.1, 3.3]):
        age = TIME - start - delay
        swell = np.where(
            age > 0, (1 - np.exp(-age / 0.12)) * np.exp(-np.maximum(age, 0) / (0.3 + 0.22 * n)), 0.0
        )
        rumble = studio.passband(noise(rng, 0.7), RATE, low=28, high=240 / (1 + 0.25 * n), order=2)
        crackle = 1.0 + 1.5 * np.abs(wander(rng, 0.09))
        out += rumble * (swell * crackle * rng.uniform(0.6, 1.0))[:, None] * [0.5 + 0.1 * n, 1.0]
    return 1.6 * out


def chirp(points: list[tuple[float, float]], trill: float, depth: float) -> np.ndarray:
    """A whistle through (seconds, hertz) points with a frequency-modulated trill; returns (frames,)."""
    times, pitches = zip(*points)
    age = np.arange(round(RATE * times[-1])) / RATE
    hertz = np.interp(age, times, pitches) + depth * np.sin(2 * np.pi * trill * age)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return (np.sin(phase) + 0.12 * np.sin(2 * phase)) * np.sin(np.pi * age / times[-1]) ** 0.7


def birds() -> np.ndarray:
    """A robin-like phrase that flies from left to right, and a tit's two-note call at the far right."""
    out = np.zeros((FRAMES, 2))
    phrase = [
        (0.00, chirp([(0, 3800), (0.08, 5200), (0.14, 4300)], 40, 120)),
        (0.22, chirp([(0, 5600), (0.10, 4100), (0.22, 4700)], 55, 300)),
        (0.52, chirp([(0, 3300), (0.05, 6200), (0.10, 5800)], 30, 80)),
        (0.68, chirp([(0, 4900), (0.30, 4500)], 62, 700)),
    ]
    call = [
        (n * 0.42 + m * 0.19, chirp([(0, hertz), (0.15, 0.98 * hertz)], 20, 20))
        for n in range(3)
        for m, hertz in enumerate((6300, 4800))
    ]
    songs = [
        (1.3, -0.8, 0.10, phrase),
        (3.9, 0.85, 0.05, call),
        (5.6, -0.1, 0.09, phrase[1:]),
        (9.2, 0.5, 0.07, phrase),
    ]
    for start, place, level, song in songs:
        for delay, whistle in song:
            first = round(RATE * (start + delay))
            out[first : first + len(whistle)] += level * studio.pan(whistle, place + 0.25 * delay)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("output", type=Path, help="FLAC file to write")
    output = parser.parse_args().output
    rng = np.random.default_rng(2024)
    flock = birds()
    near = rain(rng) + drops(rng, 900) + wind(rng)
    far = thunder(rng, 5.2)
    forest = studio.room(RATE, 1.4, seed=21, predelay=0.03, damping=0.5)
    valley = studio.room(RATE, 2.5, seed=22, predelay=0.05, damping=0.8)
    scene = near + flock + 0.35 * studio.convolve(flock, forest)
    scene += 0.6 * far + 0.4 * studio.convolve(far, valley)
    edge = np.interp(TIME, [0, 0.4, SECONDS - 0.8, SECONDS], [0, 1, 1, 0])
    studio.write_flac(output, studio.limit(1.2 * scene, RATE, ceiling_db=-3.0) * edge[:, None], RATE)


if __name__ == "__main__":
    main()
