"""A training corpus: a folder of 16-bit WAV files at one rate and `manifest.jsonl`, one line a file.

Decoding and resampling happen once, in `prepare`; training then seeks in plain PCM, which costs nothing.
"""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import soundfile
import soxr

from nac_cli.errors import AudioError
from nac_cli.files import write_text
from nac_cli.train.corpus.recordings import Recording, find_recordings, is_full_band, read_middle

MANIFEST = "manifest.jsonl"
MAX_SECONDS = 600.0
MIN_SECONDS = 0.3
SILENCE = 1e-3
"""A recording whose peak stays below this is silent."""
OURS = re.compile(r"[0-9]{6,}\.wav")
"""Names of a corpus' sound files."""

Report = Callable[[str], None]
Progress = Callable[[int, int], None]
"""Takes files done and files there are."""


@dataclass(frozen=True)
class SourceFile:
    """A file to prepare: where it is, its domain ("music", "speech", ...), its origin and licence.

    `full_band` is what is known of the original's band; None has it measured.
    """

    path: str
    domain: str
    source: str
    licence: str = ""
    full_band: bool | None = None


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


TYPES: dict[str, type | tuple[type, ...]] = {
    "path": str,
    "domain": str,
    "source": str,
    "licence": str,
    "seconds": (int, float),
    "channels": int,
    "full_band": bool,
}


def prepare(
    files: Iterable[SourceFile],
    target: Path,
    sample_rate: int,
    max_seconds: float = MAX_SECONDS,
    workers: int = 2,
    report: Report = lambda message: None,
    progress: Progress = lambda done, whole: None,
) -> list[Item]:
    """Decode `files` to `sample_rate` Hz under `target` and write the manifest; a corpus that is there is replaced.

    A file that cannot be read, is shorter than 0.3 s or silent is left out and named through `report`.
    At most `max_seconds` from the middle of each file are kept, so that one long file cannot dominate.
    """
    clear(target)
    items = decode(files, target, sample_rate, 0, max_seconds, workers, report, progress)
    write_manifest(target, items)
    return items


def decode(
    files: Iterable[SourceFile],
    target: Path,
    sample_rate: int,
    first_number: int,
    max_seconds: float = MAX_SECONDS,
    workers: int = 2,
    report: Report = lambda message: None,
    progress: Progress = lambda done, whole: None,
) -> list[Item]:
    """As `prepare`, but a part of a corpus: no manifest is written, and files are numbered from `first_number`."""
    jobs = [(file, target / f"{number:06d}.wav") for number, file in enumerate(files, first_number)]
    items = []
    with worker_pool(workers) as pool:
        results = pool.map(_prepare_one, jobs, repeat(sample_rate), repeat(max_seconds))
        for done, result in enumerate(results, 1):
            if isinstance(result, str):
                report(result)
            else:
                items.append(result)
            progress(done, len(jobs))
    return items


def clear(target: Path) -> None:
    """Make the folder `target` and remove a corpus from it: its manifest, and the files of ours which that lists."""
    target.mkdir(parents=True, exist_ok=True)
    manifest = target / MANIFEST
    if not manifest.exists():
        return
    try:
        names = {item.path for item in read_manifest(target)}
    except AudioError:  # a damaged manifest lists nothing; what it stood for is overwritten or stays
        names = set()
    manifest.unlink()
    for name in filter(OURS.fullmatch, names):
        (target / name).unlink(missing_ok=True)


def write_manifest(corpus: Path, items: Iterable[Item]) -> None:
    write_text(corpus / MANIFEST, manifest_lines(items))


def read_manifest(corpus: Path) -> list[Item]:
    """The items of a prepared corpus. Raises AudioError when there is no manifest or nothing usable in it."""
    path = corpus / MANIFEST
    if not path.is_file():
        raise AudioError(f"{corpus}: no {MANIFEST} here; make one with `nac train prepare`")
    items = parse_manifest(path.read_text(encoding="utf-8", errors="replace"), str(path))
    if not items:
        raise AudioError(f"{path}: the corpus holds no audio")
    return items


def manifest_lines(items: Iterable[Item]) -> str:
    return "".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items)


def parse_manifest(text: str, name: str) -> list[Item]:
    """The inverse of `manifest_lines`. Raises AudioError that names the line which is none."""
    items = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            item = Item(**json.loads(line))
            wrong = [key for key, kind in TYPES.items() if not isinstance(getattr(item, key), kind)]
            if wrong:
                raise ValueError(f"{', '.join(wrong)} of a wrong type")
        except (ValueError, TypeError) as error:
            raise AudioError(f"{name}: line {number} is damaged ({error}); make it again") from error
        items.append(item)
    return items


def find_audio(folder: Path) -> Iterator[SourceFile]:
    """Every file of `folder` with an audio suffix; the first folder below it names the domain."""
    for path in find_recordings(folder):
        yield SourceFile(str(path), domain_in(folder, path), folder.name)


def domain_in(folder: Path, path: Path) -> str:
    """The domain that a file's place below `folder` names; "any" for one that lies directly in it."""
    parts = path.relative_to(folder).parts
    return parts[0] if len(parts) > 1 else "any"


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that leave Ctrl-C to their parent; what still waits is dropped when the parent stops early."""
    context = get_context("spawn")  # a fork would copy locks that other threads hold, and hang on them
    pool = ProcessPoolExecutor(workers, context, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN))
    try:
        yield pool
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    pool.shutdown()


def _prepare_one(job: tuple[SourceFile, Path], sample_rate: int, max_seconds: float) -> Item | str:
    """The manifest's line, or the sentence that says why there is none."""
    file, path = job
    try:
        recording = read_middle(file.path, max_seconds)
    except AudioError as error:
        return str(error)
    samples, rate = recording.samples, recording.sample_rate
    if len(samples) < MIN_SECONDS * rate:
        return f"{file.path}: shorter than {MIN_SECONDS:g} s"
    if not np.isfinite(samples).all() or np.abs(samples).max() < SILENCE:
        return f"{file.path}: silent or not finite"
    samples = soxr.resample(samples, rate, sample_rate)
    if samples.shape[1] == 2 and np.array_equal(samples[:, 0], samples[:, 1]):
        samples = samples[:, :1]
    samples *= min(1.0, 0.999 / np.abs(samples).max())
    soundfile.write(path, samples, sample_rate, subtype="PCM_16")
    full_band = file.full_band
    if full_band is None:
        full_band = is_full_band(Recording(samples, sample_rate), rate)
    seconds = len(samples) / sample_rate
    return Item(path.name, file.domain, file.source, file.licence, seconds, samples.shape[1], full_band)
