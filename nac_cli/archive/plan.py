"""The plan of a run: the files of a library compared with the journal of its archive, before any work begins."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal

from nac_cli.archive.journal import Copied, Done, Failed, Ledger, is_source
from nac_cli.archive.naming import give_names, suffix_of, usual
from nac_cli.archive.places.place import Found
from nac_cli.audio import SOUND_SUFFIXES
from nac_cli.errors import OutputExists

SUFFIX = ".nac"

Reason = Literal["new", "changed", "settings", "lost", "altered", "failed", "crashed"]
"""The reason why a file is to be done: it is new; it has another size or time; other settings are asked for; its output
is gone, or was altered; it failed before; a worker exited while it worked on it."""
TIMES_NS = 2 * 10**9
"""Nanoseconds by which equal times of change may differ: some file systems count in two seconds."""


@dataclass(frozen=True)
class Job:
    """A file to be done: compressed if it has `sound`, else copied. `before` is the journal's entry of an output that
    is `altered`."""

    found: Found
    target: str
    sound: bool
    reason: Reason
    before: Done | Copied | None = None

    @property
    def path(self) -> str:
        return self.found.path


@dataclass(frozen=True)
class Plan:
    """The plan of a run: `jobs` sorted by path; the number of files that are `done` already; files that are
    `quarantined`; `others` that are neither sound nor to be copied; `renamed` are (path, target) where the usual name
    was taken."""

    jobs: tuple[Job, ...]
    done: int
    quarantined: tuple[Found, ...]
    others: tuple[Found, ...]
    renamed: tuple[tuple[str, str], ...]

    @property
    def bytes(self) -> int:
        """Size of the sources of all jobs, in bytes."""
        return sum(job.found.size for job in self.jobs)


@dataclass(frozen=True)
class Patterns:
    """A choice of files: those that match an `include` (all, if there is none) and no `exclude`.

    A pattern (`*`, `?`, `[...]`, case counts) matches a file by its whole path, or by the name of the file or of any
    folder above it.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def want(self, path: str) -> bool:
        names = [path, *path.split("/")]

        def match(patterns: Iterable[str]) -> bool:
            return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

        return (not self.include or match(self.include)) and not match(self.exclude)


EVERYTHING = Patterns()


def make_plan(
    files: Iterable[Found],
    ledger: Ledger,
    outputs: Mapping[str, Found],
    settings_id: str,
    *,
    copy_others: bool = False,
    fold: Callable[[str], str] = lambda name: name,
    times: bool = True,
    force: bool = False,
    retry_quarantined: bool = False,
) -> Plan:
    """Plan the jobs for `files`. `outputs` are the files that lie in the archive, by path; with `times`, they keep the
    times of change that they were given. `fold` maps names to equal keys that the archive's file system takes for the
    same.

    Raises OutputExists if a file that the journal does not know is in the way, unless `force` lets it be replaced.
    """
    files = sorted(files, key=lambda found: found.path)
    sounds = [found for found in files if is_sound(found.path)]
    others = [found for found in files if not is_sound(found.path)]
    wanted = sounds + (others if copy_others else [])
    targets = _targets(wanted, ledger, fold)
    jobs, quarantined = [], []
    for found in wanted:
        if ledger.quarantined(found) and not retry_quarantined:
            quarantined.append(found)
            continue
        sound, target = is_sound(found.path), targets[found.path]
        reason = _reason(found, ledger, outputs.get(target), settings_id if sound else None, times)
        if reason is not None:
            last = ledger.last.get(found.path)
            before = last if reason == "altered" and isinstance(last, (Done, Copied)) else None
            jobs.append(Job(found, target, sound, reason, before))
    if not force:
        _refuse_foreign(jobs, ledger, outputs)
    return Plan(
        tuple(sorted(jobs, key=lambda job: job.path)),
        len(wanted) - len(jobs) - len(quarantined),
        tuple(quarantined),
        () if copy_others else tuple(others),
        tuple(
            (found.path, targets[found.path]) for found in sounds if targets[found.path] != usual(found.path, SUFFIX)
        ),
    )


def is_sound(path: str) -> bool:
    """Whether a file is taken for sound, by the suffix of its name."""
    return suffix_of(path) in SOUND_SUFFIXES


def _reason(found: Found, ledger: Ledger, output: Found | None, settings_id: str | None, times: bool) -> Reason | None:
    last = ledger.last.get(found.path)
    if ledger.suspicion(found):
        return "crashed"
    if last is None:
        return "new"
    if not is_source(last, found):
        return "changed"
    if isinstance(last, Failed):
        return "failed"
    if isinstance(last, Done if settings_id is None else Copied):
        return "settings"  # what was a sidecar is taken for sound now, or the other way round
    if isinstance(last, Done) and last.settings_id != settings_id:
        return "settings"
    if output is None:
        return "lost"
    touched = times and abs(output.mtime_ns - last.source_mtime_ns) > TIMES_NS
    return "altered" if touched or output.size != last.bytes else None


def _targets(files: list[Found], ledger: Ledger, fold: Callable[[str], str]) -> dict[str, str]:
    """The target of each file. Targets that the journal records stay."""
    suffixes = {found.path: _suffix(found.path) for found in files}
    return give_names(suffixes, ledger.targets, fold)


def _suffix(path: str) -> str:
    return SUFFIX if is_sound(path) else ""


def _refuse_foreign(jobs: list[Job], ledger: Ledger, outputs: Mapping[str, Found]) -> None:
    ours = set(ledger.targets.values())
    foreign = [job.target for job in jobs if job.target in outputs and job.target not in ours]
    if foreign:
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise OutputExists(
            f"{foreign[0]}{more}: already in the archive's folder, but its journal does not know of it; move it away, "
            "or use --force to replace it"
        )
