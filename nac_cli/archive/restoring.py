"""Restoring the library of an archive: names, tags, pictures, times of change."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from nac_cli.archive.inventory import Inventory, Kept, files_of, local_copies, results, with_archive_name
from nac_cli.archive.journal import JOURNAL, Copied, Done
from nac_cli.archive.naming import fold_case, give_names, suffix_of, usual
from nac_cli.archive.places.place import PRIVATE, Found, Place
from nac_cli.archive.plan import EVERYTHING, TIMES_NS, Patterns
from nac_cli.archive.verifying import other_shape
from nac_cli.archive.workers.pool import OnProgress, Pool, Progressed, Worker
from nac_cli.archive.workers.schedule import Task
from nac_cli.audio import EXTENSIONS, WRITES
from nac_cli.errors import CorruptStream, FormatError, NacError, OutputExists, PartlyDecoded, TokenMismatch, UsageError
from nac_cli.failures import Failure, explain
from nac_cli.files import sha256_of

DEFAULT_FORMAT = "flac"
"""FLAC loses nothing, holds all tags and pictures in the one way that all players know, and is half as large as WAV."""


@dataclass(frozen=True)
class Piece:
    """A file of the archive, and the path `output` that it is to have in the library. `replaces`: a file that is there
    may be this very one."""

    entry: Kept
    output: str
    replaces: bool = False


@dataclass(frozen=True)
class RestorePlan:
    """The plan of a restoration: `pieces` are to be done; `present` ones are there already, with the right time and
    length; in place of those `in_the_way` there is another file; `renamed` are those whose usual name is taken.
    `unreadable` and `lost` count lines of the journal, as in `Ledger`."""

    pieces: tuple[Piece, ...]
    present: tuple[Piece, ...]
    in_the_way: tuple[Piece, ...]
    renamed: tuple[Piece, ...]
    unreadable: int = 0
    lost: int = 0


def plan_restore(
    inventory: Inventory,
    target: Place,
    format: str = DEFAULT_FORMAT,
    *,
    patterns: Patterns = EVERYTHING,
    force: bool = False,
) -> RestorePlan:
    """Plan the restoration of an archive's library at `target`, which must have been claimed. With `force`, files that
    are in the way are replaced. Names do not depend on the patterns. Raises UsageError if the target is itself an
    archive, AudioError if it cannot be read."""
    if target.records(JOURNAL):
        raise UsageError(f"{target.name}: is itself an archive; restore to another folder")
    fold = fold_case if target.folds_case() else str
    names = _names(inventory.kept(), format, fold)
    there = {fold(found.path): found for found in files_of(target).values()}
    pieces: list[Piece] = []
    present: list[Piece] = []
    in_the_way: list[Piece] = []
    for entry in inventory.kept(patterns):
        piece = Piece(entry, names[entry.path])
        found = there.get(fold(piece.output))
        if found is None:
            pieces.append(piece)
        elif _is_restored(entry, found, target):
            present.append(piece)
        else:
            (pieces if force else in_the_way).append(piece)
    suffix = f".{format}"
    renamed = [p for p in pieces if p.output not in (p.entry.path, usual(p.entry.path, suffix))]
    ledger = inventory.ledger
    return RestorePlan(tuple(pieces), tuple(present), tuple(in_the_way), tuple(renamed), ledger.unreadable, ledger.lost)


def _names(kept: Sequence[Kept], format: str, fold: Callable[[str], str]) -> dict[str, str]:
    """The names of all files in the library: files without sound, and sounds whose name fits the format, get their own
    names back."""

    def suffix(entry: Kept) -> str:
        fits = isinstance(entry, Copied) or EXTENSIONS.get(suffix_of(entry.path)) == format
        return "" if fits else f".{format}"

    return give_names({entry.path: suffix(entry) for entry in kept}, {}, fold)


def _is_restored(entry: Kept, found: Found, target: Place) -> bool:
    """Whether a file is the restored file of an entry, by time (where times are kept) and length. The length of sound
    is the header's: files take their place whole, so it is not worth decoding all of them."""
    if target.keeps_times and abs(found.mtime_ns - entry.source_mtime_ns) > TIMES_NS:
        return False
    if isinstance(entry, Copied):
        return found.size == entry.bytes
    from nac_cli.audio import open_audio

    try:
        with target.reading(found.path) as file, open_audio(file, warn=lambda text: None) as sound:
            return other_shape(entry, sound.num_samples, sound.channels, sound.sample_rate) is None
    except (OSError, NacError):
        return False


@dataclass(frozen=True)
class Restored:
    """A restored file: its size in bytes, its seconds of sound. `damage` names what was lost of it, and `exit_code` is
    what decoding it alone would give."""

    bytes: int
    seconds: float
    messages: tuple[str, ...]
    damage: tuple[str, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True)
class Restoring:
    """`Work` whose tasks are `Piece`s; results are `Restored` or a `Failure`. `bits` as in `decompress`. Raises
    UsageError for an unknown format, or one that is not written with so many bits."""

    archive: Place
    target: Place
    format: str = DEFAULT_FORMAT
    bits: int | None = None
    tags: bool = True
    force: bool = False
    device: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        if self.format not in WRITES:
            raise UsageError(f"nac does not write {self.format!r}: choose one of {', '.join(WRITES)}")
        if self.bits is not None and WRITES[self.format] and self.bits not in WRITES[self.format]:
            widths = " or ".join(map(str, WRITES[self.format]))
            raise UsageError(f"{self.format.upper()} is written with {widths} bits, not {self.bits}")

    def open(self) -> Worker:
        """Check the device. Raises UsageError for one that is not there."""
        from nac_cli.pipelines.models.opening import choose_device

        choose_device(self.device, self.threads)
        return self

    def run(self, pieces: Sequence[Piece], progress: OnProgress) -> Iterator[tuple[int, Restored | Failure]]:
        from nac_cli.pipelines.chain.prefetch import Prefetch

        with local_copies(self.archive, [piece.entry for piece in pieces]) as files:
            sounds = [
                file if isinstance(piece.entry, Done) and isinstance(file, Path) else None
                for piece, file in zip(pieces, files)
            ]
            prefetch = Prefetch(sounds, self.threads)
            for index, (piece, file) in enumerate(zip(pieces, files)):
                if isinstance(file, Failure):
                    yield index, file
                    continue
                prefetch.advance_to(index)
                yield index, self._one(piece, file, index, progress)

    def _one(self, piece: Piece, file: Path, index: int, progress: OnProgress) -> Restored | Failure:
        """A damaged file gets the present time instead of its source's, so that nobody takes it for whole, this command
        least of all."""

        def told(done: float, whole: float | None) -> None:
            progress(index, done, whole)

        try:
            try:
                return self._written(piece, file, piece.entry.source_mtime_ns, True, told)
            except FormatError:
                return self._written(piece, file, time.time_ns(), False, told)
        except Exception as error:  # whatever one file did, the others still have their turn
            return with_archive_name(piece.entry, file, explain(error))

    def _written(
        self, piece: Piece, file: Path, mtime_ns: int, strict: bool, progress: Callable[[float, float | None], None]
    ) -> Restored:
        overwrite = self.force or piece.replaces
        if not overwrite and self.target.stat(piece.output) is not None:
            raise OutputExists(f"{piece.output}: already exists; use --force to replace it")
        with self.target.writing(piece.output, mtime_ns, overwrite=overwrite) as place:
            if isinstance(piece.entry, Done):
                restored = self._decoded(piece.entry, file, place, strict, progress)
            else:
                restored = self._copied(piece.entry, file, place)
            if strict and restored.damage:
                raise CorruptStream("; ".join(restored.damage))
        return restored

    def _decoded(
        self, entry: Done, file: Path, place: Path, strict: bool, progress: Callable[[float, float | None], None]
    ) -> Restored:
        from nac_cli.pipelines.chain.duration import MAX_SECONDS
        from nac_cli.pipelines.decompress import decompress

        report = decompress(
            file,
            place,
            format=self.format,
            bits=self.bits,
            tags=self.tags,
            strict=strict,
            max_seconds=max(MAX_SECONDS, entry.samples / entry.sample_rate),
            device=self.device,
            threads=self.threads,
            progress=progress,
        )
        damage = [*map(str, report.losses), *report.damage]
        mismatch = damage and not report.damage and all(isinstance(loss.error, TokenMismatch) for loss in report.losses)
        if text := other_shape(entry, report.num_samples, report.channels, report.sample_rate):
            damage.append(text)
        kind = NacError if not damage else TokenMismatch if mismatch else PartlyDecoded
        return Restored(
            place.stat().st_size, report.seconds, report.messages, tuple(damage), kind.exit_code if damage else 0
        )

    def _copied(self, entry: Copied, file: Path, place: Path) -> Restored:
        shutil.copyfile(file, place)
        changed = sha256_of(place).hex() != entry.sha256
        damage = ("has changed since it was archived (another SHA-256 than in the journal)",) if changed else ()
        return Restored(place.stat().st_size, 0.0, (), damage, PartlyDecoded.exit_code if changed else 0)


@dataclass
class Restoration:
    """The sums of a restoration: `whole` files, `bytes` in all with `seconds` of sound; `damaged` files that are there
    in part, and `failed` ones that are not."""

    whole: int = 0
    bytes: int = 0
    seconds: float = 0.0
    damaged: list[tuple[Piece, Restored]] = field(default_factory=list)
    failed: list[tuple[Piece, Failure]] = field(default_factory=list)


Watch = Callable[[Piece, "Restored | Failure | Progressed"], None]
"""Called with each file and its events."""


def restore(plan: RestorePlan, pool: Pool, watch: Watch = lambda piece, event: None) -> Restoration:
    """Restore the files of a plan with the workers of `pool` (see `Restoring`), which stay for the caller to close. A
    file that fails does not end it. Raises `Refused`."""
    sums = Restoration()
    tasks = [Task(piece, piece.entry.bytes) for piece in plan.pieces]
    for number, value in results(tasks, pool, lambda piece: replace(piece, replaces=True)):
        piece = plan.pieces[number]
        if isinstance(value, Failure):
            sums.failed.append((piece, value))
        elif isinstance(value, Restored):
            if value.damage:
                sums.damaged.append((piece, value))
            else:
                sums.whole += 1
            sums.bytes += value.bytes
            sums.seconds += value.seconds
        watch(piece, value)
    return sums


def tidy(target: Place) -> None:
    """Remove the files that claiming and writing left in a folder that is no archive. The target must have been
    claimed."""
    from nac_cli.archive.places.folder import LOCK, UNFINISHED, Folder

    if isinstance(target, Folder):
        with suppress(OSError):  # something else is in it, then it stays
            (target.root / UNFINISHED).rmdir()
        left = os.listdir(target.root / PRIVATE)
        with suppress(OSError):
            if left == [os.path.basename(LOCK)]:
                shutil.rmtree(target.root / PRIVATE)
