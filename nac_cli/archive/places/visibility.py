"""Whether workers see the places that they work on: on other machines, and in other processes, a name may stand for
something else, or for nothing."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from nac_cli.archive.places.place import Found, Place
from nac_cli.archive.workers.pool import Labour, Work
from nac_cli.errors import UsageError

SAME_SECONDS = 2
"""Times of one file may be told differently from machine to machine, by so much at most (as FAT does)."""


@dataclass(frozen=True)
class Sighted:
    """`work` for workers that see certain files as they are seen here. `sights` are (place, file): a worker must find
    each file, and with this time of change unless it is 0."""

    work: Work
    sights: tuple[tuple[Place, Found], ...]

    def open(self) -> Labour:
        """Raises UsageError where a file is not seen, and as the work."""
        for place, found in self.sights:
            seen = place.stat(found.path)
            if seen is None or (found.mtime_ns and abs(seen.mtime_ns - found.mtime_ns) > SAME_SECONDS * 10**9):
                raise UsageError(
                    f"{place.name} is not visible to the worker on {platform.node()}, which sees something else under "
                    "that name, or nothing: use a folder that all machines share, or an object store"
                )
        return self.work.open()
