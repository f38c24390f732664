"""Whole operations on archives: make or update one, verify it, restore its library, in one call each.

    from nac_cli import ArchiveOptions, archive_library, restore_archive, verify_archive

    report = archive_library("music", "small", ArchiveOptions(bitrate=6000, copy_others=True))
    for failed in report.tally.failed:
        print(failed.path, failed.error)
    assert not verify_archive("small").bad
    restore_archive("small", "music again")

Each also comes in two steps, for who wants to see what there is to do before it begins: `open_run`, `open_check` and
`open_restore` give an object whose `perform` does it. Places are named by path or URL, as on the command line. The
worker processes of the engine "local" import the main module of the program, so that a script must call these below
`if __name__ == "__main__":`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path

from nac_cli.archive import bag, library, restoring, verifying
from nac_cli.archive import status as status_module
from nac_cli.archive.archiving import Archiving
from nac_cli.archive.estimate import Estimate, estimate
from nac_cli.archive.inventory import Inventory, Kept, take_inventory
from nac_cli.archive.journal import Done
from nac_cli.archive.library import Survey, Tally, check_places, survey
from nac_cli.archive.places.opening import open_place
from nac_cli.archive.places.place import LOCK, Found, Place
from nac_cli.archive.plan import EVERYTHING, Patterns
from nac_cli.archive.restoring import DEFAULT_FORMAT, Restoration, RestorePlan, Restoring, plan_restore, tidy
from nac_cli.archive.settings import Settings
from nac_cli.archive.verifying import Verification, Verifying
from nac_cli.archive.workers.choice import Workers
from nac_cli.models import zoo

LOCAL = Workers()


@dataclass(frozen=True)
class ArchiveOptions:
    """Options of a run, as of `nac archive run`.

    `bitrate` in bit/s or `planes` of each file, or neither, as in `compress`; `model`, `entropy` and `tags` as
    there. `patterns` choose among the files, or among the listed `paths` inside the library. `copy_others`: copy
    files that are no sound; `hashed`: note the SHA-256 of each source; `check`: decode each result before it takes
    its place; `retry_quarantined`: try files again over which workers exited twice; `force`: replace files that are
    in the way.
    """

    model: str = zoo.DEFAULT
    bitrate: int | None = None
    planes: int | None = None
    entropy: str = "auto"
    tags: bool = True
    patterns: Patterns = EVERYTHING
    paths: tuple[str, ...] | None = None
    follow_links: bool = False
    copy_others: bool = False
    hashed: bool = False
    check: bool = False
    retry_quarantined: bool = False
    force: bool = False

    def settings(self) -> Settings:
        """The settings of each file. Raises as `Settings.of`."""
        return Settings.of(self.model, self.bitrate, self.planes, self.entropy, self.tags)


DEFAULTS = ArchiveOptions()


@dataclass(frozen=True)
class LibraryRun:
    """A run that is planned: `survey` says what there is to do."""

    source: Place
    target: Place
    settings: Settings
    options: ArchiveOptions
    survey: Survey

    def estimate(self, progress: Callable[[int], None] = lambda done: None) -> Estimate:
        """An estimate of the outputs, by the headers of the sources. `progress` gets the number of files read."""
        return estimate(self.survey.plan.jobs, self.source, self.settings, progress)

    def perform(self, workers: Workers = LOCAL, watch: library.Watch = lambda job, event: None) -> Tally:
        """Do what the survey found; `watch` is called with each job and its events. The target must have been claimed,
        as in `open_run`. A file that fails does not end the run. Raises `Refused`, OSError as `library.archive`."""
        jobs = self.survey.plan.jobs
        if not jobs:
            return Tally()
        workers = workers.sharing(job.found.size for job in jobs if job.sound)
        work = Archiving(
            self.source, self.target, self.settings, self.options.hashed, self.options.check, workers.device,
            workers.threads_each,
        )  # fmt: skip
        visible = [(self.source, replace(jobs[0].found, mtime_ns=0)), *_lock(self.target)]
        with workers.at(work, len(jobs), visible) as pool:
            return library.archive(self.source, self.target, self.settings, self.survey, pool, watch)


def _lock(place: Place) -> list[tuple[Place, Found]]:
    """The file that stands for the claim on a place, which its workers must see."""
    lock = place.stat(LOCK)
    return [] if lock is None else [(place, lock)]


@dataclass(frozen=True)
class ArchiveReport:
    """The result of a run: what was found before it, and what became of the files."""

    survey: Survey
    tally: Tally


def plan_run(source: str | PathLike, target: str | PathLike, options: ArchiveOptions = DEFAULTS) -> LibraryRun:
    """The run that would be done; nothing is written. Raises as `Settings.of`, `check_places` and `survey`."""
    settings = options.settings()
    return _planned(*_both(source, target), settings, options)


@contextmanager
def open_run(
    source: str | PathLike, target: str | PathLike, options: ArchiveOptions = DEFAULTS
) -> Iterator[LibraryRun]:
    """A run that is planned, on a target that is claimed for as long as the context lasts. Raises as `plan_run`, and
    UsageError where another process has claimed the target."""
    settings = options.settings()
    library_place, place = _both(source, target)
    with place.claim():
        place.discard_unfinished()
        yield _planned(library_place, place, settings, options)


def archive_library(
    source: str | PathLike,
    target: str | PathLike,
    options: ArchiveOptions = DEFAULTS,
    workers: Workers = LOCAL,
    watch: library.Watch = lambda job, event: None,
) -> ArchiveReport:
    """Compress every sound file of a library into an archive, or bring the archive up to date: `nac archive run`.

    `watch` is called with each `Job` and each of its events: `Progressed`, then `Done`, `Copied`, `Failed` or
    `Crashed` once that is in the journal. Raises as `open_run` and `LibraryRun.perform`; what single files raise is
    in the report.
    """
    with open_run(source, target, options) as run:
        return ArchiveReport(run.survey, run.perform(workers, watch))


def _both(source: str | PathLike, target: str | PathLike) -> tuple[Place, Place]:
    places = _open(source), _open(target)
    check_places(*places)
    return places


def _open(name: str | PathLike) -> Place:
    return open_place(str(name))


def _planned(source: Place, target: Place, settings: Settings, options: ArchiveOptions) -> LibraryRun:
    found = survey(
        source, target, settings, patterns=options.patterns, paths=options.paths, follow_links=options.follow_links,
        copy_others=options.copy_others, force=options.force, retry_quarantined=options.retry_quarantined,
    )  # fmt: skip
    return LibraryRun(source, target, settings, options, found)


@dataclass(frozen=True)
class ArchiveCheck:
    """A verification that is about to begin, of the files `entries`."""

    archive: Place
    inventory: Inventory
    entries: tuple[Kept, ...]
    level: str
    patterns: Patterns

    def perform(self, workers: Workers = LOCAL, watch: verifying.Watch = lambda entry, event: None) -> Verification:
        """Check all files; `watch` is called with each and its events. Raises `Refused`."""
        if not self.entries:
            return Verification.begun(self.inventory)
        if self.level != "full":
            workers = replace(workers, device="cpu")  # nothing is decoded to sound
        workers = workers.sharing(entry.bytes for entry in self.entries if isinstance(entry, Done))
        work = Verifying(self.archive, self.level, workers.device, workers.threads_each)
        first = next(iter(self.inventory.found.values()), None)
        visible = [] if first is None else [(self.archive, replace(first, mtime_ns=0))]
        with workers.at(work, len(self.entries), visible) as pool:
            return verifying.verify_kept(self.inventory, pool, self.patterns, watch)


def open_check(archive: str | PathLike, level: str = "structure", patterns: Patterns = EVERYTHING) -> ArchiveCheck:
    """Prepare a verification; `level` as in `Verifying`. Raises as `take_inventory`."""
    place = _open(archive)
    inventory = take_inventory(place)
    return ArchiveCheck(place, inventory, tuple(inventory.kept(patterns)), level, patterns)


def verify_archive(
    archive: str | PathLike,
    level: str = "structure",
    patterns: Patterns = EVERYTHING,
    workers: Workers = LOCAL,
    watch: verifying.Watch = lambda entry, event: None,
) -> Verification:
    """Check every file of an archive against its journal: `nac archive verify`. Raises as `take_inventory`, and
    `Refused`."""
    return open_check(archive, level, patterns).perform(workers, watch)


@dataclass(frozen=True)
class RestoreOptions:
    """Options of a restoration: `format` and `bits` of the sound files as in `decompress`, whether `tags` are written,
    which files (`patterns`, by path in the library), and whether files in the way are replaced (`force`)."""

    format: str = DEFAULT_FORMAT
    bits: int | None = None
    tags: bool = True
    patterns: Patterns = EVERYTHING
    force: bool = False


RESTORE_DEFAULTS = RestoreOptions()


@dataclass(frozen=True)
class LibraryRestore:
    """A restoration that is planned."""

    archive: Place
    target: Place
    options: RestoreOptions
    plan: RestorePlan

    def perform(self, workers: Workers = LOCAL, watch: restoring.Watch = lambda piece, event: None) -> Restoration:
        """Do what is planned; `watch` is called with each file and its events. The target must have been claimed, as
        `open_restore` does. Raises `Refused`."""
        done = Restoration()
        if self.plan.pieces:
            asked = self.options
            entries = (piece.entry for piece in self.plan.pieces)
            workers = workers.sharing(entry.bytes for entry in entries if isinstance(entry, Done))
            work = Restoring(
                self.archive, self.target, asked.format, asked.bits, asked.tags, asked.force, workers.device,
                workers.threads_each,
            )  # fmt: skip
            with workers.at(work, len(self.plan.pieces), _lock(self.target)) as pool:
                done = restoring.restore(self.plan, pool, watch)
        tidy(self.target)
        return done


@dataclass(frozen=True)
class RestoreReport:
    """The result of a restoration: what was planned, and what became of it."""

    plan: RestorePlan
    restoration: Restoration


@contextmanager
def open_restore(
    archive: str | PathLike, target: str | PathLike, options: RestoreOptions = RESTORE_DEFAULTS
) -> Iterator[LibraryRestore]:
    """A restoration that is planned, on a target that is claimed for as long as the context lasts. Raises as
    `take_inventory`, `check_places`, `Restoring` and `plan_restore`."""
    place, goal = _open(archive), _open(target)
    inventory = take_inventory(place)
    check_places(place, goal)
    Restoring(
        place, goal, options.format, options.bits
    )  # says what is wrong with the format before anything is written
    with goal.claim():
        goal.discard_unfinished()
        plan = plan_restore(inventory, goal, options.format, patterns=options.patterns, force=options.force)
        yield LibraryRestore(place, goal, options, plan)


def restore_archive(
    archive: str | PathLike,
    target: str | PathLike,
    options: RestoreOptions = RESTORE_DEFAULTS,
    workers: Workers = LOCAL,
    watch: restoring.Watch = lambda piece, event: None,
) -> RestoreReport:
    """Decode every file of an archive to the path below `target` that it had in the library: `nac archive restore`.
    Raises as `open_restore`, `Refused`; what single files raise is in the report."""
    with open_restore(archive, target, options) as run:
        return RestoreReport(run.plan, run.perform(workers, watch))


def export_archive(
    archive: str | PathLike,
    target: str | PathLike,
    *,
    copy: bool = False,
    info: Mapping[str, str] | None = None,
    progress: bag.Progress = lambda done, whole: None,
) -> bag.Bag:
    """Make a bag (BagIt 1.0) of an archive at the new folder `target`: `nac archive export`; see `bag.export_bag`."""
    return bag.export_bag(_open(archive), Path(target), copy=copy, info=info, progress=progress)


def archive_status(archive: str | PathLike) -> status_module.Status:
    """The status of an archive, by its journal and the list of its files: `nac archive status`. Raises as
    `status.status`."""
    return status_module.status(_open(archive))
