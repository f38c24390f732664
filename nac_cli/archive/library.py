"""Making an archive of a library: survey, plan, work, journal."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace

from nac_cli import __version__
from nac_cli.archive import journal
from nac_cli.archive.archiving import now
from nac_cli.archive.inventory import files_of
from nac_cli.archive.journal import Crashed, Done, Failed, Ledger, Outcome, Planned, Run
from nac_cli.archive.naming import fold_case
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.places.place import Found, Place, checked
from nac_cli.archive.plan import EVERYTHING, Job, Patterns, Plan, make_plan
from nac_cli.archive.settings import Settings
from nac_cli.archive.workers.pool import Finished, Pool, Progressed
from nac_cli.archive.workers.schedule import Crash, Task, perform_rounds
from nac_cli.errors import AudioError, CorruptStream, UsageError
from nac_cli.failures import Failure

GIVEN_UP = 1
"""Exit code of a file over which workers exit."""


@dataclass(frozen=True)
class Survey:
    """The state before a run: its `plan`, the `ledger`, files that were `skipped` (path, reason), and the number of
    files of the archive whose source is `gone` (they stay)."""

    plan: Plan
    ledger: Ledger
    skipped: tuple[tuple[str, str], ...]
    gone: int


@dataclass
class Tally:
    """The sums of a run. `source_bytes` and `bytes` are those of `done` and `copied` files, `seconds` those of sound;
    `crashes` counts workers that exited."""

    done: int = 0
    copied: int = 0
    source_bytes: int = 0
    bytes: int = 0
    seconds: float = 0.0
    failed: list[Failed] = field(default_factory=list)
    crashes: int = 0

    def add(self, entry: Outcome) -> None:
        if isinstance(entry, Failed):
            self.failed.append(entry)
        elif isinstance(entry, Crashed):
            self.crashes += 1
        else:
            self.source_bytes += entry.source_bytes
            self.bytes += entry.bytes
            if isinstance(entry, Done):
                self.done += 1
                self.seconds += entry.samples / entry.sample_rate
            else:
                self.copied += 1


Watch = Callable[[Job, Outcome | Progressed], None]
"""Called with each job and its events; results come when they are in the journal."""


def survey(
    source: Place,
    target: Place,
    settings: Settings,
    *,
    patterns: Patterns = EVERYTHING,
    paths: Iterable[str] | None = None,
    follow_links: bool = False,
    copy_others: bool = False,
    force: bool = False,
    retry_quarantined: bool = False,
) -> Survey:
    """Find what is to be done to make an archive at `target` of the library at `source`, or of its files `paths`.

    Raises OutputExists where a file that is not the archive's is in the way, UsageError for listed files that there are
    not, AudioError if a place cannot be read, and as `journal.read`.
    """
    skipped: list[tuple[str, str]] = []
    try:
        if paths is None:
            found = list(source.walk(lambda path, reason: skipped.append((path, reason)), follow_links))
        else:
            found = _listed(paths, source)
        ledger = journal.read(target)
        outputs = files_of(target)
        fold = fold_case if target.folds_case() else str
    except OSError as error:
        where = error.filename or f"{source.name} or {target.name}"
        raise AudioError(f"{where}: cannot be read ({error.strerror or error})") from error
    wanted = [file for file in found if patterns.want(file.path)]
    plan = make_plan(
        wanted,
        ledger,
        outputs,
        settings.id,
        copy_others=copy_others,
        fold=fold,
        times=target.keeps_times,
        force=force,
        retry_quarantined=retry_quarantined,
    )
    gone = len(ledger.last.keys() - {file.path for file in found}) if paths is None else 0
    return Survey(plan, ledger, tuple(skipped), gone)


def archive(
    source: Place, target: Place, settings: Settings, found: Survey, pool: Pool, watch: Watch = lambda job, event: None
) -> Tally:
    """Do the jobs of a survey with the workers of `pool` (see `Archiving`), which stay for the caller to close. The
    target must have been claimed.

    Everything that is told to `watch` is in the journal. A file that fails does not end the run. Raises `Refused`, and
    OSError if the journal cannot be written.
    """
    jobs, ledger, tally = found.plan.jobs, found.ledger, Tally()
    planned = [Planned(job.path, job.target) for job in jobs if ledger.targets.get(job.path) != job.target]
    start = Run(now(), __version__, platform.node(), source.name, settings.id, asdict(settings))
    journal.append(target, [start, *planned])
    tasks = [Task(job, job.found.size, len(ledger.suspicion(job.found))) for job in jobs]
    for told in perform_rounds(tasks, pool, _again):
        for event in told:
            if isinstance(event, Progressed):
                watch(jobs[event.task], event)
        outcomes = [
            (jobs[event.task], entry)
            for event in told
            if not isinstance(event, Progressed)
            for entry in _entries(jobs[event.task], event, settings)
        ]
        journal.append(target, [entry for _, entry in outcomes])
        for job, entry in outcomes:
            tally.add(entry)
            watch(job, entry)
    return tally


def _again(job: Job) -> Job:
    """`job` after a worker has exited over it, which may have put the output in its place before."""
    return replace(job, replaces=True)


def _entries(job: Job, event: Finished | Crash, settings: Settings) -> list[Outcome]:
    """The entries that the journal gets for an event of a job."""
    if isinstance(event, Finished):
        return [_failed(job, event.value, settings) if isinstance(event.value, Failure) else event.value]
    crashed = Crashed(job.path, job.target, job.found.size, job.found.mtime_ns, event.alone, event.reason, now())
    if not event.given_up:
        return [crashed]
    text = f"{job.path}: the process that worked on it ended twice ({event.reason}); it is put in quarantine"
    return [crashed, _failed(job, Failure(text, GIVEN_UP), settings)]


def _failed(job: Job, failure: Failure, settings: Settings) -> Failed:
    found = job.found
    return Failed(
        job.path, job.target, found.size, found.mtime_ns, settings.id, failure.message, failure.exit_code, now()
    )


def _listed(paths: Iterable[str], source: Place) -> list[Found]:
    found: dict[str, Found] = {}
    missing: list[str] = []
    for path in paths:
        try:
            file = source.stat(checked(path))
        except CorruptStream as error:
            raise UsageError(f"the list of files: {error}") from error
        if file is None:
            missing.append(path)
        else:
            found[path] = file
    if missing:
        raise UsageError(f"{len(missing)} listed files are not in {source.name}, the first is {missing[0]!r}")
    return list(found.values())


def check_places(source: Place, target: Place) -> None:
    """Check a pair of places. Raises AudioError if there is no library, UsageError if one place lies inside the other:
    the archive would be archived."""
    if isinstance(source, Folder) and not source.root.is_dir():
        raise AudioError(f"{source.name}: no such folder; name the one that holds the library")
    if isinstance(source, Folder) and isinstance(target, Folder):
        names = [f"{place.root.resolve()}/" for place in (source, target)]
    else:
        names = [f"{place.name.rstrip('/')}/" for place in (source, target)]
    if names[0].startswith(names[1]) or names[1].startswith(names[0]):
        raise UsageError(f"{source.name} and {target.name} lie one inside the other; choose a folder outside of it")
