"""The visibility of places to workers: on other machines, and in other processes, a name may stand for something
else, or for nothing."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from nac_cli.archive.places.place import Found, Place
from nac_cli.archive.workers.pool import Work, Worker
from nac_cli.errors import UsageError

SAME_SECONDS = 2
"""Seconds by which the times of one file may differ from machine to machine, as they do on FAT."""


@dataclass(frozen=True)
class RequiresVisible:
    """`work` that a worker opens only if it sees certain files as they are seen here. `files` are (place, file): the
    worker must find each file, with the same time of change unless that is 0."""

    work: Work
    files: tuple[tuple[Place, Found], ...]

    def open(self) -> Worker:
        """Raises UsageError where a file is not visible, and as the work's `open`."""
        for place, found in self.files:
            seen = place.stat(found.path)
            if seen is None or (found.mtime_ns and abs(seen.mtime_ns - found.mtime_ns) > SAME_SECONDS * 10**9):
                raise UsageError(
                    f"{place.name} is not visible to the worker on {platform.node()}, which sees something else under "
                    "that name, or nothing: use a folder that all machines share, or an object store"
                )
        return self.work.open()
