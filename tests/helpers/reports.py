"""Reports of sounds that no codec made, so that pages can be tested in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nac_cli.bench.report import RESULTS_FILE, Results, read_results
from nac_cli.bench.results import Row, write_json
from nac_cli.bench.store import ORIGINAL, Store

RATE = 44_100


def sound(seed: int, seconds: float = 4.0, channels: int = 1) -> np.ndarray:
    """A tone per seed over a little noise, `[C, T]`."""
    t = np.arange(int(seconds * RATE)) / RATE
    noise = 0.01 * np.random.default_rng(seed).standard_normal((channels, len(t)))
    return (0.2 * np.sin(2 * np.pi * 220 * (seed + 2) * t)[None] + noise).astype(np.float32)


def write_results(
    folder: Path,
    clips: tuple[str, ...] = ("music-a", "speech-b"),
    codecs: tuple[str, ...] = ("nac", "opus"),
    targets: tuple[int, ...] = (3000, 6000),
) -> Results:
    """`folder` as `nac bench` leaves it, but for the page."""
    store, rows = Store(folder), []
    for number, clip in enumerate(clips):
        store.keep_sound(clip, ORIGINAL, sound(number), RATE)
        for target in targets:
            for codec in codecs:
                noisy = sound(number) + 300 / target * (0.05 if codec == "nac" else 0.12) * sound(9)
                place = store.keep_sound(clip, f"{codec}-{target}", noisy, RATE)
                score = 4 - 3000 / target - (0.3 if codec == "opus" else 0) + number / 10
                rows.append(Row(
                    clip, codec, target, target * 0.99, int(target * 4 / 8), "-b", {"visqol": score, "mel": 5 - score},
                    clip.split("-")[0], True, 4.0, RATE, 1, 0.5, 0.25, 1 << 20, None, place,
                ))  # fmt: skip
    write_json(rows, folder / RESULTS_FILE, {"plan": {"judges": ["mel"]}, "left_out": []})
    return read_results(folder)
