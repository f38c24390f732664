"""The inventory of an archive: its journal, and the files that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nac_cli.archive import journal
from nac_cli.archive.journal import Copied, Done, Ledger
from nac_cli.archive.places.place import Found, Place
from nac_cli.archive.plan import EVERYTHING, Patterns
from nac_cli.archive.workers.pool import Pool, Progressed
from nac_cli.archive.workers.schedule import Again, Crash, Task, as_before, perform_all
from nac_cli.errors import AudioError, NacError
from nac_cli.failures import Failure, explain

Kept = Done | Copied


@dataclass(frozen=True)
class Inventory:
    """An archive's `ledger`, read from its journal, and the files `found` in its place, by path."""

    ledger: Ledger
    found: Mapping[str, Found]

    def kept(self, patterns: Patterns = EVERYTHING) -> list[Kept]:
        """The entries of all files that should be there, sorted by path in the library, which `patterns` are matched
        with."""
        files = self.ledger.files
        return [files[path] for path in sorted(files) if patterns.want(path)]

    @property
    def unknown(self) -> list[str]:
        """Paths of files that are there and that the journal does not know as finished."""
        return sorted(self.found.keys() - {entry.target for entry in self.ledger.files.values()})

    @property
    def missing(self) -> list[Kept]:
        """Entries of files that should be there and are not, or have another size."""
        return [entry for entry in self.kept() if self.size(entry.target) != entry.bytes]

    def size(self, target: str) -> int | None:
        found = self.found.get(target)
        return None if found is None else found.size


def take_inventory(archive: Place) -> Inventory:
    """Read the journal and list the files. Raises UsageError where there is no archive, AudioError where it cannot be
    read, and as `journal.read`."""
    return Inventory(journal.read_existing(archive), files_of(archive))


def files_of(place: Place) -> dict[str, Found]:
    """The files of a place by path; none if the place does not exist. Raises AudioError where it cannot be read."""
    try:
        return {file.path: file for file in place.walk(lambda path, reason: None)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AudioError(f"{error.filename or place.name}: cannot be read ({error.strerror or error})") from error


@contextmanager
def local_copies(archive: Place, entries: Sequence[Kept]) -> Iterator[list[Path | Failure]]:
    """Local copies of a batch of files of the archive, for as long as the context lasts; a Failure in place of a file
    that cannot be had."""
    with ExitStack() as stack:

        def fetch(entry: Kept) -> Path | Failure:
            try:
                if archive.stat(entry.target, follow_links=False) is None:
                    raise AudioError(f"{entry.target}: is gone from the archive")
                return stack.enter_context(archive.reading(entry.target))
            except (OSError, NacError) as error:
                return explain(error)

        yield [fetch(entry) for entry in entries]


def with_archive_name(entry: Kept, file: Path, failure: Failure) -> Failure:
    """The failure with the name of the local copy replaced by that of the file in the archive."""
    text = failure.message.replace(str(file), entry.target)
    return Failure(text if text.startswith(entry.target) else f"{entry.target}: {text}", failure.exit_code)


def results(tasks: Sequence[Task], pool: Pool, again: Again = as_before) -> Iterator[tuple[int, Any]]:
    """The number and the result of each task, a `Failure` where workers exit over it, with `Progressed` events in
    between; `again` as in `perform_all`."""
    for event in perform_all(tasks, pool, again):
        if isinstance(event, Progressed):
            yield event.task, event
        elif not isinstance(event, Crash):
            yield event.task, event.value
        elif event.given_up:
            yield event.task, Failure(f"the process that worked on it ended twice ({event.reason})", NacError.exit_code)
