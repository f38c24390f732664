"""A training corpus: a folder of 16-bit WAV files at one rate and `manifest.jsonl`, one line a file.

Decoding and resampling happen once, in `prepare`; training then seeks in plain PCM, which costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import repeat
from pathlib import Path

import numpy as np
import soundfile
import soxr

from nac_cli.errors import AudioError

MANIFEST = "manifest.jsonl"
FULL_BAND_HZ = 14_000
FULL_BAND_RATIO = 1e-7
"""A file is full-band when its power above FULL_BAND_HZ exceeds this share of the whole."""


@dataclass(frozen=True)
class SourceFile:
    """A file to prepare: where it is, its domain ("music", "speech", ...), its origin and licence."""

    path: str
    domain: str
    source: str
    licence: str = ""


@dataclass(frozen=True)
class Item:
    """A line of the manifest. `path` is relative to the corpus; `seconds` is the length kept."""

    path: str
    domain: str
    source: str
    licence: str
    seconds: float
    channels: int
    full_band: bool


def prepare(
    files: Iterable[SourceFile], target: Path, sample_rate: int, max_seconds: float = 600.0,
    workers: int = 2, report: Callable[[str], None] = lambda message: None,
) -> list[Item]:
    """Decode `files` to `sample_rate` Hz under `target` and write the manifest.

    A file that cannot be read, is shorter than 0.3 s or silent is left out and named through `report`.
    At most `max_seconds` from the middle of each file are kept, so that one long file cannot dominate.
    """
    target.mkdir(parents=True, exist_ok=True)
    jobs = [(file, target / f"{number:06d}.wav") for number, file in enumerate(files)]
    items = []
    with ProcessPoolExecutor(workers) as pool:
        results = pool.map(_prepare_one, jobs, repeat(sample_rate), repeat(max_seconds))
        for (file, _), result in zip(jobs, results, strict=True):
            if isinstance(result, str):
                report(f"{file.path}: {result}")
            else:
                items.append(result)
    with open(target / MANIFEST, "w", encoding="utf-8") as manifest:
        manifest.writelines(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items)
    return items


def read_manifest(corpus: Path) -> list[Item]:
    """The items of a prepared corpus. Raises AudioError when there is no manifest or nothing in it."""
    path = corpus / MANIFEST
    if not path.is_file():
        raise AudioError(f"{corpus}: no {MANIFEST} here; make one with `nac train prepare`")
    items = [Item(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    if not items:
        raise AudioError(f"{path}: the corpus holds no audio")
    return items


def find_audio(folder: Path) -> Iterator[SourceFile]:
    """Every file of `folder` with an audio suffix; the first folder below it names the domain."""
    suffixes = {".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf"}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in suffixes and path.is_file():
            parts = path.relative_to(folder).parts
            yield SourceFile(str(path), parts[0] if len(parts) > 1 else "any", folder.name)


def _prepare_one(job: tuple[SourceFile, Path], sample_rate: int, max_seconds: float) -> Item | str:
    file, path = job
    try:
        with soundfile.SoundFile(file.path) as sound:
            keep = min(sound.frames, round(max_seconds * sound.samplerate))
            sound.seek((sound.frames - keep) // 2)
            samples = sound.read(keep, dtype="float32", always_2d=True)[:, :2]
            rate = sound.samplerate
    except (soundfile.LibsndfileError, RuntimeError) as error:
        return f"cannot be read ({error})"
    if len(samples) < 0.3 * rate:
        return "shorter than 0.3 s"
    if not np.isfinite(samples).all() or np.abs(samples).max() < 1e-3:
        return "silent or not finite"
    samples = soxr.resample(samples, rate, sample_rate)
    if samples.shape[1] == 2 and np.array_equal(samples[:, 0], samples[:, 1]):
        samples = samples[:, :1]
    samples *= min(1.0, 0.999 / np.abs(samples).max())
    soundfile.write(path, samples, sample_rate, subtype="PCM_16")
    seconds = len(samples) / sample_rate
    full_band = rate >= 44_100 and _power_share_above(samples[:, 0], sample_rate) > FULL_BAND_RATIO
    return Item(path.name, file.domain, file.source, file.licence, seconds, samples.shape[1], bool(full_band))


def _power_share_above(samples: np.ndarray, sample_rate: int, size: int = 2048) -> float:
    """Share of the power above FULL_BAND_HZ, from at most the first 60 s."""
    samples = samples[: 60 * sample_rate]
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (0, size)), size)[::size]
    power = (np.abs(np.fft.rfft(frames * np.hanning(size))) ** 2).sum(axis=0)
    first_bin = int(FULL_BAND_HZ * size / sample_rate)
    return float(power[first_bin:].sum() / max(power.sum(), 1e-12))
