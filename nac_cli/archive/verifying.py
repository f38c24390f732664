"""Verification of an archive against its journal: sizes and hashes, structure, codes, a full decode."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nac_cli.archive.inventory import Inventory, Kept, local_copies, results, with_archive_name
from nac_cli.archive.journal import Done
from nac_cli.archive.places.place import Place
from nac_cli.archive.plan import EVERYTHING, Patterns
from nac_cli.archive.workers.pool import OnProgress, Pool, Progressed, Worker
from nac_cli.archive.workers.schedule import Task
from nac_cli.errors import CorruptStream, NacError
from nac_cli.failures import Failure, explain
from nac_cli.files import sha256_of

LEVELS = ("files", "structure", "tokens", "full")


@dataclass(frozen=True)
class Verifying:
    """`Work` whose tasks are `Kept` files; results are the seconds of sound that were checked, or a `Failure` that
    names everything wrong. Levels, each with the checks of the ones before it:

    - "files": every file is there, with the size and the SHA-256 that the journal has for it;
    - "structure", "tokens", "full": as `nac_cli.verify`, and the length, rate and channels are the journal's.
    """

    archive: Place
    level: str = "structure"
    device: str = "auto"
    threads: int | None = None

    def open(self) -> Worker:
        """Check the device. Raises UsageError for one that is not there."""
        if self.level == "full":
            from nac_cli.pipelines.models.opening import choose_device

            choose_device(self.device, self.threads)
        return self

    def run(self, entries: Sequence[Kept], progress: OnProgress) -> Iterator[tuple[int, float | Failure]]:
        with local_copies(self.archive, entries) as files:
            prefetch = None
            if self.level in ("tokens", "full"):
                from nac_cli.pipelines.chain.prefetch import Prefetch

                sounds = [file if isinstance(entry, Done) else None for entry, file in zip(entries, files)]
                prefetch = Prefetch([file if isinstance(file, Path) else None for file in sounds], self.threads)
            for index, (entry, file) in enumerate(zip(entries, files)):
                if isinstance(file, Failure):
                    yield index, file
                    continue
                if prefetch is not None:
                    prefetch.advance_to(index)
                yield index, self._one(entry, file, index, progress)

    def _one(self, entry: Kept, file: Path, index: int, progress: OnProgress) -> float | Failure:
        try:
            wrong = self._wrong(entry, file, lambda done, whole: progress(index, done, whole))
        except Exception as error:  # whatever one file did, the others still have their turn
            return with_archive_name(entry, file, explain(error))
        if not wrong:
            return entry.samples / entry.sample_rate if isinstance(entry, Done) else 0.0
        reasons = "; ".join(str(error).removeprefix(f"{file}: ") for error in wrong)
        return with_archive_name(entry, file, Failure(reasons, wrong[0].exit_code))

    def _wrong(self, entry: Kept, file: Path, progress: Callable[[float, float | None], None]) -> list[NacError]:
        wrong: list[NacError] = []
        size = file.stat().st_size
        if size != entry.bytes:
            wrong.append(CorruptStream(f"has {size} bytes, the journal says {entry.bytes}"))
        elif sha256_of(file).hex() != entry.sha256:
            wrong.append(CorruptStream("has changed since it was archived (another SHA-256 than in the journal)"))
        if self.level == "files" or not isinstance(entry, Done):
            return wrong
        from nac_cli.pipelines.verify import verify

        try:
            report = verify(file, self.level, device=self.device, threads=self.threads, progress=progress)
            info = report.stream
            if text := other_shape(entry, info.num_samples, info.channels, info.sample_rate):
                wrong.append(CorruptStream(text))
            report.require_sound()
        except NacError as error:
            wrong.append(error)
        return wrong


def other_shape(entry: Done, samples: int | None, channels: int, sample_rate: int) -> str | None:
    """A message about sound that has not the shape that the journal records; None if it has."""
    if (samples, channels, sample_rate) == (entry.samples, entry.channels, entry.sample_rate):
        return None
    return (
        f"holds {samples} samples of {channels} channels at {sample_rate} Hz, the journal says {entry.samples}, "
        f"{entry.channels} and {entry.sample_rate}"
    )


@dataclass
class Verification:
    """The result of a verification. `sound` files of `bytes` in all with `seconds` of sound are as they should be;
    `bad` ones are (path in the archive, what is wrong); `unknown` are files that the journal does not know as
    finished; `unreadable` counts lines of the journal."""

    sound: int = 0
    bytes: int = 0
    seconds: float = 0.0
    bad: list[tuple[str, Failure]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    unreadable: int = 0


Watch = Callable[[Kept, "float | Failure | Progressed"], None]
"""Called with each file and its events."""


def verify_kept(
    inventory: Inventory, pool: Pool, patterns: Patterns = EVERYTHING, watch: Watch = lambda entry, event: None
) -> Verification:
    """Check all files that should be in an archive with the workers of `pool` (see `Verifying`), which stay for the
    caller to close. Raises `Refused`."""
    kept = inventory.kept(patterns)
    sum_ = Verification(unknown=inventory.unknown, unreadable=inventory.ledger.unreadable)
    for number, value in results([Task(entry, entry.bytes) for entry in kept], pool):
        entry = kept[number]
        if isinstance(value, Failure):
            sum_.bad.append((entry.target, value))
        elif not isinstance(value, Progressed):
            sum_.sound += 1
            sum_.bytes += entry.bytes
            sum_.seconds += value
        watch(entry, value)
    return sum_
