"""The sounds of a comparison."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from nac_cli.errors import AudioError, UsageError
from nac_cli.files import sha256_of
from nac_cli.values import Waveform

AUDIO_SUFFIXES = {".wav", ".flac", ".aif", ".aiff", ".caf", ".w64", ".ogg", ".oga", ".opus", ".mp3"}
NO_DOMAIN = "all"
SPEECH = "speech"


@dataclass(frozen=True)
class Clip:
    """`name` is its own among the clips of a run; `domain` is what its figures are averaged with."""

    path: Path
    name: str
    domain: str

    def digest(self) -> str:
        """SHA-256 of the file, by which a result knows what it is of. Raises AudioError where it cannot be
        read."""
        try:
            return sha256_of(self.path).hex()
        except OSError as error:
            raise AudioError(f"{self.path}: cannot read the clip: {error}") from error


def clips_in(paths: Sequence[Path]) -> list[Clip]:
    """Files as they are; folders stand for the audio files under them, sorted.

    A clip's domain is the folder below one that was named (`clips/speech/a.wav`), else the beginning of its
    name (`speech-a.wav`), else "all". Raises UsageError where there are no clips.
    """
    found: list[tuple[Path, str]] = []
    for path in paths:
        if not path.is_dir():
            found.append((path, _domain(path.name)))
            continue
        for file in sorted(file for file in path.rglob("*") if file.suffix.lower() in AUDIO_SUFFIXES):
            inner = file.relative_to(path).parts
            found.append((file, inner[0] if len(inner) > 1 else _domain(file.name)))
    if not found:
        raise UsageError(f"no audio files in {', '.join(map(str, paths))}")
    taken = Counter(path.stem for path, _ in found)
    seen: Counter[str] = Counter()
    clips = []
    for path, domain in found:
        seen[path.stem] += 1
        name = path.stem if taken[path.stem] == 1 else f"{path.stem}-{seen[path.stem]}"
        clips.append(Clip(path, name, domain))
    return clips


def read_clip(path: Path, mono: bool = False) -> Waveform:
    """Raises AudioError where libsndfile cannot read the file, or where it holds nothing."""
    try:
        samples, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, OSError) as error:
        raise AudioError(f"cannot read the clip: {error}") from error
    if len(samples) == 0:
        raise AudioError("the clip holds no samples, there is nothing to compare")
    if mono:
        samples = samples.mean(axis=1, keepdims=True)
    return Waveform(np.ascontiguousarray(samples.T), sample_rate)


def _domain(name: str) -> str:
    first, dash, _ = name.partition("-")
    return first if dash and first else NO_DOMAIN
