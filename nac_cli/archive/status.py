"""The status of an archive: what is in it, what failed and why, by reading the journal and listing the files."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from nac_cli.archive.inventory import take_inventory
from nac_cli.archive.journal import Crashed, Done, Failed, Run
from nac_cli.archive.places.place import Found, Place


@dataclass(frozen=True)
class Status:
    """The status of an archive: `done` sound files and `copied` others lie in it. Paths in the library: of files that
    `failed`, that are `quarantined`, and that are `pending` (planned and never tried to the end). Paths in the archive:
    of files that are `missing` or have another size than in the journal, and of those `unknown` to it. `source_bytes`
    and `bytes` are those of all files in it, `sound_bytes` and `seconds` those of the sound in it; `unreadable` counts
    lines of the journal."""

    runs: tuple[Run, ...]
    done: int
    copied: int
    failed: tuple[Failed, ...]
    quarantined: tuple[str, ...]
    pending: tuple[str, ...]
    missing: tuple[str, ...]
    unknown: tuple[str, ...]
    source_bytes: int
    bytes: int
    sound_bytes: int
    seconds: float
    unreadable: int

    @property
    def bitrate(self) -> float | None:
        """Mean bitrate of all sound in it, tags and pictures included, in bit/s; None without sound."""
        return 8 * self.sound_bytes / self.seconds if self.seconds else None

    @property
    def reasons(self) -> list[tuple[int, str, int]]:
        """(exit code, reason, number of files) of the failures, the most frequent first."""
        counts = Counter((entry.exit_code, gist(entry.error, entry.path)) for entry in self.failed)
        return [(code, reason, count) for (code, reason), count in counts.most_common()]


def status(archive: Place) -> Status:
    """Read the journal and list the files. Raises UsageError where there is no archive, AudioError where it cannot be
    read, and as `journal.read`."""
    inventory = take_inventory(archive)
    ledger, kept = inventory.ledger, inventory.kept()
    sounds = [entry for entry in kept if isinstance(entry, Done)]
    crashed = [_found(crashes[-1]) for crashes in ledger.crashes.values()]
    return Status(
        runs=tuple(ledger.runs), done=len(sounds), copied=len(kept) - len(sounds),
        failed=tuple(entry for path, entry in sorted(ledger.last.items()) if isinstance(entry, Failed)),
        quarantined=tuple(sorted(found.path for found in crashed if ledger.quarantined(found))),
        pending=tuple(sorted(ledger.targets.keys() - ledger.last.keys())),
        missing=tuple(entry.target for entry in inventory.missing), unknown=tuple(inventory.unknown),
        source_bytes=sum(entry.source_bytes for entry in kept), bytes=sum(entry.bytes for entry in kept),
        sound_bytes=sum(entry.bytes for entry in sounds),
        seconds=sum(entry.samples / entry.sample_rate for entry in sounds), unreadable=ledger.unreadable,
    )  # fmt: skip


def gist(message: str, path: str) -> str:
    """A message about a file without the parts that are that file's alone: its name, and numbers."""
    at = message.find(path)
    if at >= 0:
        message = message[at + len(path) :].lstrip(": ")
    return re.sub(r"\d+(\.\d+)?", "N", message)


def _found(crash: Crashed) -> Found:
    return Found(crash.path, crash.source_bytes, crash.source_mtime_ns)
