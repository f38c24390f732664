"""Results on disk, each a file of its own, so that a run that was stopped goes on where it was.

REPORT/results/CLIP/CODEC-RATE.json     what was asked, and the row that answers it
REPORT/sounds/CLIP/CODEC-RATE.flac      the decoded sound, beside original.flac
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.bench.results import Row, from_plain, plain
from nac_cli.errors import AudioError
from nac_cli.files import atomic_path

RESULTS, SOUNDS = "results", "sounds"
ORIGINAL = "original"


@dataclass(frozen=True)
class Store:
    """A report's folder."""

    folder: Path

    def find(self, clip: str, name: str, request: dict) -> Row | None:
        """The row that an earlier run found for the same request, None if none did or if it cannot be
        read."""
        try:
            kept = json.loads(self._place(RESULTS, clip, name, "json").read_text(encoding="utf-8"))
            row = from_plain(kept["row"])
            there = row.sound is not None and (self.folder / row.sound).is_file()
            return row if there and kept["request"] == request else None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            return None

    def keep(self, clip: str, name: str, request: dict, row: Row) -> None:
        """Raises AudioError where it cannot be written."""
        text = json.dumps({"request": request, "row": plain(row)}, indent=1)
        self._replace(self._place(RESULTS, clip, name, "json"), lambda path: path.write_text(text, encoding="utf-8"))

    def keep_sound(self, clip: str, name: str, samples: np.ndarray, sample_rate: int) -> str:
        """`samples` `[C, T]` as 24-bit FLAC, clipped at full scale as a player would; where it is in the
        folder."""
        place = self._place(SOUNDS, clip, name, "flac")
        clipped = np.clip(samples.T, -1, 1)
        self._replace(place, lambda path: soundfile.write(path, clipped, sample_rate, format="FLAC", subtype="PCM_24"))
        return place.relative_to(self.folder).as_posix()

    def _place(self, kind: str, clip: str, name: str, suffix: str) -> Path:
        return self.folder / kind / folder_name(clip) / f"{name}.{suffix}"

    def _replace(self, place: Path, write) -> None:
        """Write a file beside its place and rename it, since other processes may write it at the same time."""
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(place, force=True) as beside:
                write(beside)
        except OSError as error:
            raise AudioError(f"{place}: cannot be written ({error.strerror or error})") from error


def folder_name(clip: str) -> str:
    """A clip's name as that of a folder, whatever characters are in it."""
    legible = "".join(c if c.isalnum() or c in "-_." else "_" for c in clip)[:60].strip(".") or "clip"
    return legible if legible == clip else f"{legible}-{hashlib.sha256(clip.encode(errors='replace')).hexdigest()[:8]}"
