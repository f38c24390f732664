"""Places of libraries and archives: trees of files, in a local folder or an object store."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from nac_cli.errors import CorruptStream

PRIVATE = ".nac"
"""The folder of an archive that holds its journal and the files being written; never part of a library."""
LOCK = f"{PRIVATE}/lock"
"""The file that exists while a process has claimed a place."""

Skip = Callable[[str, str], None]
"""Called with a path that is left out, and the reason."""


@dataclass(frozen=True)
class Found:
    """A file of a tree: its `path` from the root, parts joined by `/` (bytes that are no UTF-8 as in `os.fsdecode`),
    its `size` in bytes, and its time of change in nanoseconds (0: unknown)."""

    path: str
    size: int
    mtime_ns: int


class Place(Protocol):
    """A tree of files, which can be sent to other processes. Methods raise OSError, or AudioError with more to say."""

    keeps_times: ClassVar[bool]
    """Whether files keep the times of change that `writing` is told."""

    @property
    def name(self) -> str:
        """The path or URL of the place, as a user would write it."""

    def walk(self, skip: Skip, follow_links: bool = False) -> Iterator[Found]:
        """All files, in no order, without the private folder at the root."""

    def stat(self, path: str, follow_links: bool = True) -> Found | None:
        """The file at `path`, None if there is none, or none without following links."""

    def reading(self, path: str) -> AbstractContextManager[Path]:
        """The file at `path`, or a local copy of it, for as long as the context lasts."""

    def writing(self, path: str, mtime_ns: int, overwrite: bool = True) -> AbstractContextManager[Path]:
        """Yields the local path to write to. When the block ends well the result is flushed to the disk and takes its
        place at `path` in one step, with that time of change where the place keeps times. Nothing of it is left if the
        block fails. A file that is there then is replaced; without `overwrite` OutputExists is raised."""

    def append(self, path: str, data: bytes) -> None:
        """Add to the end of a file of records; the data is on the disk afterwards."""

    def records(self, path: str) -> bytes:
        """All data that was appended to a file of records; empty if there is no such file."""

    def claim(self) -> AbstractContextManager[None]:
        """Claim the place for as long as the context lasts. Raises UsageError if another process has claimed it, where
        the place can tell."""

    def discard_unfinished(self) -> None:
        """Remove unfinished files of processes that were killed. The place must have been claimed."""

    def folds_case(self) -> bool:
        """Whether names that differ in case alone are the same file. The place must exist."""


def checked(path: str) -> str:
    """A path from a journal or a list, checked. Raises CorruptStream for one that could lead out of its tree, or into
    the private folder."""
    parts = path.split("/")
    try:
        path.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise CorruptStream(f"{path!r} has characters that no path has") from None
    if not path or "\0" in path or path.startswith("/") or any(part in ("", ".", "..") for part in parts):
        raise CorruptStream(f"{path!r} is not the path of a file inside a library")
    if parts[0].casefold() == PRIVATE:
        raise CorruptStream(f"{path!r} lies in the folder that nac keeps for itself")
    if os.sep != "/" and (os.sep in path or ":" in parts[0]):
        raise CorruptStream(f"{path!r} cannot be a path on this system")
    return path


def part_name(path: str, number: int) -> str:
    """The path of part number 1, 2, ... of a file of records, in a store that cannot append."""
    return f"{path}.{number:06}"


def parts_of(path: str, names: Iterable[str]) -> list[str]:
    """The names that make up a file of records, in order: the file itself, then its numbered parts. A folder has the
    first, a store the others, and a place that was copied from one kind to the other has both."""
    parts = [name for name in names if re.fullmatch(re.escape(path) + r"(\.\d{6,})?", name)]
    return sorted(parts, key=lambda name: (len(name), name))


def joined_parts(parts: Iterable[bytes]) -> bytes:
    """The records of all parts in one piece. A line that was cut off at the end of a part stays a line of its own."""
    return b"".join(part if not part or part.endswith(b"\n") else part + b"\n" for part in parts)
