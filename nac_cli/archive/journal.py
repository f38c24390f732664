"""The journal of an archive: an append-only file of JSON lines, and the ledger that they add up to.

A line is written when what it says is true on the disk. So after a crash at any moment everything in the journal is so,
and at most the files that were being worked on are done without being in it: they are planned, so they are known to be
the archive's own and are done again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields

from nac_cli.archive.places.place import PRIVATE, Found, Place, checked
from nac_cli.errors import AudioError, CorruptStream, UnsupportedStream, UsageError

JOURNAL = f"{PRIVATE}/journal.jsonl"
VERSION = 1
FATAL_CRASHES = 2


@dataclass(frozen=True)
class Run:
    """A run has begun. `settings` are those that `settings_id` identifies."""

    time: str
    nac: str
    host: str
    source: str
    settings_id: str
    settings: dict
    journal: int = VERSION


@dataclass(frozen=True)
class Planned:
    """The file at `path` of the source will become `target` of the archive, now or in a later run."""

    path: str
    target: str


@dataclass(frozen=True)
class Done:
    """A sound file was compressed. Sizes in bytes; `samples` per channel; `pcm_md5` as `audio.SampleDigest`, hashes are
    SHA-256 in hexadecimal; `elapsed` in seconds."""

    path: str
    target: str
    source_bytes: int
    source_mtime_ns: int
    source_sha256: str | None
    pcm_md5: str
    samples: int
    sample_rate: int
    channels: int
    bytes: int
    sha256: str
    model: str
    model_id: str
    lm_id: str | None
    settings_id: str
    elapsed: float
    messages: tuple[str, ...]
    time: str


@dataclass(frozen=True)
class Copied:
    """A file without sound was copied as it is."""

    path: str
    target: str
    source_bytes: int
    source_mtime_ns: int
    source_sha256: str | None
    bytes: int
    sha256: str
    time: str


@dataclass(frozen=True)
class Failed:
    """A file failed; `exit_code` is what the command line would give for it alone."""

    path: str
    target: str
    source_bytes: int
    source_mtime_ns: int
    settings_id: str
    error: str
    exit_code: int
    time: str


@dataclass(frozen=True)
class Crashed:
    """A process ended while it worked on the file, `alone` or on others too."""

    path: str
    target: str
    source_bytes: int
    source_mtime_ns: int
    alone: bool
    reason: str
    time: str


Outcome = Done | Copied | Failed | Crashed
Entry = Run | Planned | Outcome
EVENTS = {"run": Run, "planned": Planned, "done": Done, "copied": Copied, "failed": Failed, "crashed": Crashed}
_NAMES = {kind: name for name, kind in EVENTS.items()}
_KINDS = {
    "str": ("str",), "str | None": ("str", "NoneType"), "int": ("int",), "float": ("float", "int"), "bool": ("bool",),
    "dict": ("dict",), "tuple[str, ...]": ("tuple",),
}  # fmt: skip
"""Names of the types that JSON may give a field, by the field's annotation."""
_LEAST = {"sample_rate": 1, "source_mtime_ns": -1 << 63}
"""Least values of the integers that cannot be 0, or can be less."""


@dataclass
class Ledger:
    """The state of an archive after all entries of its journal. By path in the library: `targets` in the archive, the
    `last` result, the `files` that lie in the archive (the last one finished, even if a later attempt failed), and the
    `crashes` over a file as it is now. `unreadable` counts lines that could not be read (one for each time that a
    process was killed while it wrote)."""

    targets: dict[str, str] = field(default_factory=dict)
    last: dict[str, Done | Copied | Failed] = field(default_factory=dict)
    files: dict[str, Done | Copied] = field(default_factory=dict)
    crashes: dict[str, list[Crashed]] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    unreadable: int = 0

    def add(self, entry: Entry) -> None:
        if isinstance(entry, Run):
            self.runs.append(entry)
            return
        self.targets[entry.path] = entry.target
        if isinstance(entry, Crashed):
            before = self.crashes.get(entry.path, [])
            same = [crash for crash in before if is_source(crash, _found(entry))]
            self.crashes[entry.path] = [*same, entry]
        elif not isinstance(entry, Planned):
            self.last[entry.path] = entry
            if not isinstance(entry, Failed):
                self.files[entry.path] = entry
                self.crashes.pop(entry.path, None)

    def suspicion(self, found: Found) -> list[Crashed]:
        """The crashes recorded for a file with its present size and time."""
        return [crash for crash in self.crashes.get(found.path, []) if is_source(crash, found)]

    def quarantined(self, found: Found) -> bool:
        """Whether workers exited twice over a file, and at least once when it was their only task."""
        crashes = self.suspicion(found)
        return len(crashes) >= FATAL_CRASHES and any(crash.alone for crash in crashes)


def is_source(entry: Outcome, found: Found) -> bool:
    """Whether a file has the size and time of change that an entry records."""
    return (entry.source_bytes, entry.source_mtime_ns) == (found.size, found.mtime_ns)


def append(place: Place, entries: Iterable[Entry]) -> None:
    """Add entries to the journal of an archive; they are on the disk afterwards."""
    lines = [json.dumps({"event": _NAMES[type(entry)], **asdict(entry)}) + "\n" for entry in entries]
    if lines:
        place.append(JOURNAL, "".join(lines).encode("ascii"))


def read(place: Place) -> Ledger:
    """The ledger of an archive's journal; empty if there is no journal. Raises UnsupportedStream for one that a newer
    nac began, CorruptStream for paths that lead out of the archive."""
    ledger = Ledger()
    for entry in _entries(place.records(JOURNAL)):
        if entry is None:
            ledger.unreadable += 1
        else:
            ledger.add(entry)
    return ledger


def read_existing(place: Place) -> Ledger:
    """The ledger of an archive that must exist. Raises as `read`, UsageError where there is no archive, AudioError
    where it cannot be read."""
    try:
        ledger = read(place)
    except OSError as error:
        raise AudioError(f"{error.filename or place.name}: cannot be read ({error.strerror or error})") from error
    if not ledger.runs and not ledger.targets:
        raise UsageError(f"{place.name}: is no archive, since it has no journal ({JOURNAL}); name the folder of one")
    return ledger


def _entries(data: bytes) -> Iterator[Entry | None]:
    for line in data.splitlines():
        if line:
            yield _entry(line)


def _entry(line: bytes) -> Entry | None:
    """The entry of a line; None for a line that was cut off, or that no nac writes."""
    try:
        values = json.loads(line)
        kind = EVENTS[values.pop("event")]
        known = {name.name for name in fields(kind)}
        if "messages" in values:
            values["messages"] = tuple(values["messages"])
        entry = kind(**{name: value for name, value in values.items() if name in known})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if isinstance(entry, Run):
        if isinstance(entry.journal, int) and entry.journal > VERSION:
            raise UnsupportedStream(
                f"the journal has version {entry.journal}; this nac knows up to {VERSION}: update nac"
            )
        return entry if _makes_sense(entry) else None
    if not isinstance(entry.path, str) or not isinstance(entry.target, str):
        raise CorruptStream(f"the journal has a path that is no text: {entry.path!r}")
    checked(entry.path), checked(entry.target)
    return entry if _makes_sense(entry) else None


def _makes_sense(entry: Entry) -> bool:
    """Whether all values have the declared types, and integers are within the reach of file systems."""
    for name in fields(entry):
        value = getattr(entry, name.name)
        if type(value).__name__ not in _KINDS[str(name.type)]:
            return False
        if type(value) is int and not _LEAST.get(name.name, 0) <= value < 1 << 63:
            return False
    return all(isinstance(text, str) for text in getattr(entry, "messages", ()))


def _found(entry: Outcome) -> Found:
    return Found(entry.path, entry.source_bytes, entry.source_mtime_ns)
