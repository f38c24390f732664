"""Clips of a corpus, drawn by time: every second of it is as likely as any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.errors import AudioError
from nac_cli.train.corpus.prepare import Item
from nac_cli.values import Waveform

HELD_OUT = 8
"""One of this many recordings that clips are drawn from is held out, with all of its clips."""
SHORTEST_SECONDS = 1.0
"""Recordings below this are left alone: a file of one is mostly container."""


@dataclass(frozen=True)
class Clip:
    """A stretch of a recording, `start` and `seconds` in seconds."""

    item: Item
    start: float
    seconds: float
    held_out: bool


def draw(items: Sequence[Item], count: int, seconds: float, seed: int) -> list[Clip]:
    """`count` clips of `seconds`, or of the whole of a shorter recording. Raises AudioError if they come from fewer
    than two recordings, of which one is to be held out."""
    long = [item for item in items if item.seconds >= SHORTEST_SECONDS]
    rng = np.random.default_rng(seed)
    lengths = np.array([item.seconds for item in long])
    chosen = rng.choice(len(long), count, p=lengths / lengths.sum()).tolist() if long else []
    recordings = list(dict.fromkeys(chosen))
    if len(recordings) < 2:
        raise AudioError("tables are learnt from some recordings and measured on others: two at least, of a second")
    held_out = set(recordings[::HELD_OUT])
    clips = []
    for number in chosen:
        item = long[number]
        start = float(rng.uniform(0, max(item.seconds - seconds, 0)))
        clips.append(Clip(item, start, min(seconds, item.seconds), number in held_out))
    return clips


def read(corpus: Path, clip: Clip) -> Waveform:
    """The clip, its channels mixed to one. Raises AudioError."""
    try:
        with soundfile.SoundFile(corpus / clip.item.path) as sound:
            sound.seek(int(clip.start * sound.samplerate))
            samples = sound.read(round(clip.seconds * sound.samplerate), dtype="float32", always_2d=True)
            return Waveform(samples.mean(axis=1)[None], sound.samplerate)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{corpus / clip.item.path} cannot be read ({error})") from error
