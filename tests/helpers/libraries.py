"""A small library of many formats and awkward names, and its archive."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.archive.archiving import Archiving
from nac_cli.archive.library import archive, survey
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.settings import Settings
from nac_cli.audio import write_tags
from nac_cli.values import Picture, Tags
from tests.helpers.pools import LocalPool

RATE = 22_050
COVER = Picture(3, "image/png", "front", 0, 0, 0, 0, b"\x89PNG\r\n\x1a\nno more")
TAGS = Tags((("TITLE", "Grüße"), ("ARTIST", "Nobody")), (COVER,))
BAD_UTF8 = os.fsdecode(b"b/bad\xff.wav")
SOUNDS = {
    "song.flac": (0.5, 2), "song.wav": (0.7, 2), "SONG2.WAV": (0.3, 1), "a/take 1.mp3": (0.4, 2),
    "a/loud.ogg": (0.4, 1), BAD_UTF8: (0.2, 1), "b/new\nline.wav": (0.25, 1), "b/50% ü.wav": (0.35, 1),
}  # fmt: skip
"""Seconds and channels by path."""
SIDECARS = {"a/cover.jpg": b"picture", "b/100%.txt": b"notes"}
BROKEN = "a/broken.wav"


def make_library(folder: Path) -> Path:
    rng = np.random.default_rng(5)
    for number, (path, (seconds, channels)) in enumerate(SOUNDS.items()):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        made = folder / f"made{file.suffix}"
        soundfile.write(made, rng.normal(0, 0.1, (round(seconds * RATE), channels)), RATE)
        if path == "song.flac":
            write_tags(made, TAGS)
        made.rename(file)
        os.utime(file, ns=(0, 1_500_000_000_123_456_789 + number))
    for path, data in {**SIDECARS, BROKEN: b"no sound"}.items():
        (folder / path).write_bytes(data)
    return folder


def make_archive(folder: Path, library: Path, model: Path, entropy: str = "packed") -> Path:
    place, source = Folder(folder), Folder(library)
    settings = Settings.of(str(model), planes=2, entropy=entropy)
    with place.claim():
        found = survey(source, place, settings, copy_others=True)
        archive(source, place, settings, found, LocalPool(Archiving(source, place, settings, device="cpu", threads=1)))
    return folder
