"""A blind listening test as one page: rating in the manner of MUSHRA (ITU-R BS.1534), and ABX.

A rating trial has a reference to compare with and, in random order, the codecs, the reference again (hidden)
and a low anchor: the reference without what is above 3.5 kHz. In an ABX trial A and B are the original and a
codec, and X is one of them. Order and sides are drawn from a seed. Sounds are exact (FLAC) and equally loud.
The page's text does not say what is what: sounds have numbers in the order drawn, and the key to them is
encoded.
"""

from __future__ import annotations

import base64
import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, firwin, kaiserord

from nac_cli.bench import page
from nac_cli.bench.clips import read_clip
from nac_cli.bench.loudness import match
from nac_cli.bench.results import Row
from nac_cli.bench.sounds import flac, text
from nac_cli.bench.store import ORIGINAL
from nac_cli.errors import UsageError
from nac_cli.files import write_text
from nac_cli.values import Waveform

PAGE, FORMAT = "listen.html", "nac listening answers 1"
REFERENCE, ANCHOR = "reference", "anchor"
KINDS = ("mushra", "abx")
ANCHOR_HERTZ, ANCHOR_STOP_HERTZ, ANCHOR_DECIBELS = 3500, 4000, 60
"""The low anchor of BS.1534-3: up to 3.5 kHz as it is, at least 25 dB less at 4 kHz, 50 dB at 4.5 kHz."""


@dataclass
class _Book:
    """Sounds of the page under ids that say nothing."""

    rng: random.Random
    sounds: list[dict[str, str]] = field(default_factory=list)

    def add(self, samples: np.ndarray, sample_rate: int) -> str:
        identity = f"s{self.rng.getrandbits(48):012x}"
        self.sounds.append({"id": identity, "text": text(flac(Waveform(samples, sample_rate)))})
        return identity


def write_test(
    folder: Path,
    rows: Sequence[Row],
    targets: Sequence[int] = (),
    codecs: Sequence[str] = (),
    kinds: Sequence[str] = KINDS,
    clips: int | None = None,
    seed: int = 0,
) -> Path:
    """Writes the page beside the report in `folder`; its path.

    `targets` (bit/s) and `codecs` choose among those of the report (none: all); `clips` how many, drawn by
    `seed`. Raises UsageError where nothing is left to hear.
    """
    rng = random.Random(seed)
    chosen = [
        row
        for row in rows
        if row.sound and row.target in (targets or [row.target]) and row.codec in (codecs or [row.codec])
    ]
    names = list(dict.fromkeys(row.clip for row in chosen))
    if clips is not None and clips < len(names):
        names = sorted(rng.sample(names, clips), key=names.index)
    if not names or not kinds:
        raise UsageError(f"{folder}: the report has no sounds of these codecs, rates and clips to listen to")
    book, trials = _Book(rng), []
    for name in names:
        for target in dict.fromkeys(row.target for row in chosen if row.clip == name):
            own = [row for row in chosen if (row.clip, row.target) == (name, target)]
            trials += _trials(folder, own, kinds, book)
    rng.shuffle(trials)
    rng.shuffle(book.sounds)
    key = [solution for _, solution in trials]
    plain_key = json.dumps(key).encode()
    data = {
        "format": FORMAT,
        "id": hashlib.sha256(plain_key).hexdigest()[:12],
        "seed": seed,
        "key": base64.b64encode(plain_key).decode(),
        "trials": [trial for trial, _ in trials],
    }
    count = f"{len(trials)} trial" + ("" if len(trials) == 1 else "s")
    values = {
        "style": page.asset("style.css"),
        "sounds": book.sounds,
        "data": data,
        "count": count,
        "mushra": "mushra" in kinds,
        "abx": "abx" in kinds,
    }
    path = folder / PAGE
    write_text(path, page.render("listen.html", values, [page.asset("player.js"), page.asset("listen.js")]))
    return path


def low_anchor(samples: np.ndarray, sample_rate: int) -> np.ndarray:
    """`samples` `[C, T]` without what is above 3.5 kHz, in place (linear phase, delay taken off)."""
    if sample_rate <= 2 * ANCHOR_STOP_HERTZ:
        return samples
    half = sample_rate / 2
    taps, beta = kaiserord(ANCHOR_DECIBELS, (ANCHOR_STOP_HERTZ - ANCHOR_HERTZ) / half)
    taps |= 1
    kernel = firwin(taps, (ANCHOR_HERTZ + ANCHOR_STOP_HERTZ) / 2 / half, window=("kaiser", beta))
    full = fftconvolve(samples, kernel[None], axes=1)
    return full[:, taps // 2 : taps // 2 + samples.shape[1]]


def _trials(folder: Path, rows: Sequence[Row], kinds: Sequence[str], book: _Book) -> list[tuple[dict, dict]]:
    """Trials of one clip at one rate, each with its solution."""
    original = read_clip(folder / Path(rows[0].kept_sound).parent / f"{ORIGINAL}.flac")
    rate, clip, target = original.sample_rate, rows[0].clip, rows[0].target
    decoded = [read_clip(folder / row.kept_sound).samples for row in rows]
    anchor = low_anchor(original.samples, rate)
    reference, anchor, *decoded = match(original.samples, [anchor, *decoded], rate)
    trials = []
    if "mushra" in kinds:
        hidden = [(reference, REFERENCE, 0), (anchor, ANCHOR, 0)]
        stimuli = hidden + [(sound, row.codec, row.target) for sound, row in zip(decoded, rows)]
        book.rng.shuffle(stimuli)
        ids = [book.add(sound, rate) for sound, _, _ in stimuli]
        trial = {"kind": "mushra", "reference": book.add(reference, rate), "sounds": ids}
        about = [{"codec": codec, "target": own, "at": target} for _, codec, own in stimuli]
        trials.append((trial, {"clip": clip, "sounds": about}))
    if "abx" in kinds:
        trials += [_abx(reference, sound, rate, row, book) for sound, row in zip(decoded, rows)]
    return trials


def _abx(reference: np.ndarray, sound: np.ndarray, rate: int, row: Row, book: _Book) -> tuple[dict, dict]:
    pair = [reference, sound]
    book.rng.shuffle(pair)
    answer = book.rng.choice("ab")
    trial = {"kind": "abx", "a": book.add(pair[0], rate), "b": book.add(pair[1], rate)}
    trial["x"] = book.add(pair["ab".index(answer)], rate)  # its own copy, so that no id gives it away
    return trial, {"clip": row.clip, "codec": row.codec, "target": row.target, "answer": answer}
