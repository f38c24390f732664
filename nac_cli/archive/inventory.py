"""What an archive holds: its journal, and the files that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nac_cli.archive import journal
from nac_cli.archive.journal import Copied, Done, Ledger
from nac_cli.archive.places.place import Found, Place
from nac_cli.archive.plan import Patterns
from nac_cli.archive.workers.pool import Pool, Progressed
from nac_cli.archive.workers.schedule import Crash, Task, perform_all
from nac_cli.errors import AudioError, NacError
from nac_cli.failures import Failure, explain

Kept = Done | Copied


@dataclass(frozen=True)
class Inventory:
    """`ledger`: the sum of the journal; `found`: the files that are there, by path."""

    ledger: Ledger
    found: Mapping[str, Found]

    def kept(self, patterns: Patterns = Patterns()) -> list[Kept]:
        """The files that should be there, in order of their paths in the library, which `patterns` are about."""
        files = self.ledger.files
        return [files[path] for path in sorted(files) if patterns.want(path)]

    @property
    def unknown(self) -> list[str]:
        """Files that are there without the journal knowing them as finished."""
        return sorted(self.found.keys() - {entry.target for entry in self.ledger.files.values()})

    @property
    def missing(self) -> list[Kept]:
        """Files that should be there and are not, or have another size."""
        return [entry for entry in self.kept() if self.size(entry.target) != entry.bytes]

    def size(self, target: str) -> int | None:
        found = self.found.get(target)
        return None if found is None else found.size


def take_inventory(archive: Place) -> Inventory:
    """Raises UsageError where there is no archive, AudioError where it cannot be read, and as `journal.read`."""
    return Inventory(journal.read_existing(archive), files_of(archive))


def files_of(place: Place) -> dict[str, Found]:
    """All files of a place, none if it is not there. Raises AudioError where it cannot be read."""
    try:
        return {file.path: file for file in place.walk(lambda path, reason: None)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise AudioError(f"{error.filename or place.name}: cannot be read ({error.strerror or error})") from error


@contextmanager
def at_hand(archive: Place, entries: Sequence[Kept]) -> Iterator[list[Path | Failure]]:
    """A batch of files of the archive as local files, for as long as the context lasts."""
    with ExitStack() as stack:

        def fetch(entry: Kept) -> Path | Failure:
            try:
                if archive.stat(entry.target) is None:
                    raise AudioError(f"{entry.target}: is gone from the archive")
                return stack.enter_context(archive.reading(entry.target))
            except (OSError, NacError) as error:
                return explain(error)

        yield [fetch(entry) for entry in entries]


def named(entry: Kept, file: Path, failure: Failure) -> Failure:
    """A failure that calls the file, which is at hand, what the archive calls it."""
    text = failure.message.replace(str(file), entry.target)
    return Failure(text if text.startswith(entry.target) else f"{entry.target}: {text}", failure.exit_code)


def results(tasks: Sequence[Task], pool: Pool) -> Iterator[tuple[int, Any]]:
    """What came of each task, a `Failure` where workers die over it; and `Progressed` now and then."""
    for event in perform_all(tasks, pool):
        if isinstance(event, Progressed):
            yield event.task, event
        elif not isinstance(event, Crash):
            yield event.task, event.value
        elif event.given_up:
            yield event.task, Failure(f"the process that worked on it ended twice ({event.reason})", NacError.exit_code)
