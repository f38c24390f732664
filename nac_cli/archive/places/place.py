"""Where a library or an archive lies: a tree of files, in a local folder or an object store."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from nac_cli.errors import CorruptStream

PRIVATE = ".nac"
"""The folder of an archive that holds its journal and what is being written; never part of a library."""
LOCK = f"{PRIVATE}/lock"
"""Is there while a process has claimed a place."""

Skip = Callable[[str, str], None]
"""Told of a path that is left out, and why."""


@dataclass(frozen=True)
class Found:
    """A file of a tree: its path from the root, parts joined by `/` (bytes that are no UTF-8 as in `os.fsdecode`), its
    size in bytes, and when it was last changed, in nanoseconds (0: nobody knows)."""

    path: str
    size: int
    mtime_ns: int


class Place(Protocol):
    """A tree of files. Can be sent to other processes. Methods raise OSError, or AudioError where they know better."""

    name: str
    """As a person would write it."""
    keeps_times: bool
    """Whether files keep the times of change that `writing` is told."""

    def walk(self, skip: Skip, follow_links: bool = False) -> Iterator[Found]:
        """Every file, in no order; the private folder at the root left out."""

    def stat(self, path: str) -> Found | None:
        """The file at `path`, None if there is none."""

    def reading(self, path: str) -> AbstractContextManager[Path]:
        """The file at `path` as a local one for as long as the context lasts."""

    def writing(self, path: str, mtime_ns: int) -> AbstractContextManager[Path]:
        """Yields where to write; at the end the result is flushed to the disk and takes its place at `path` in one
        step, whatever was there, with that time of change where the store keeps one. Nothing of it is left if the
        block fails."""

    def append(self, path: str, data: bytes) -> None:
        """Adds to the end of a file of records, durably."""

    def records(self, path: str) -> bytes:
        """All that was appended; nothing if there is no such file."""

    def claim(self) -> AbstractContextManager[None]:
        """No other process may claim the place meanwhile, where the store knows of that. Raises UsageError if one
        has."""

    def discard_unfinished(self) -> None:
        """Remove what processes that were killed had not finished writing. Only for who has claimed the place."""

    def folds_case(self) -> bool:
        """Whether names that differ in case alone are the same file. The place must be there."""


def checked(path: str) -> str:
    """`path` as a journal or a list has it. Raises CorruptStream for one that could lead out of its tree, or into the
    private folder."""
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
    """Where a store that cannot append has a part (1, 2, ...) of a file of records."""
    return f"{path}.{number:06}"


def parts_of(path: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that make up a file of records, in their order: itself, then its numbered parts. A folder has
    the first, a store the others, and a place that was moved from one kind to the other has both."""
    parts = [name for name in names if re.fullmatch(re.escape(path) + r"(\.\d{6,})?", name)]
    return sorted(parts, key=lambda name: (len(name), name))


def joined_parts(parts: Iterable[bytes]) -> bytes:
    """Records in one piece. What was cut off at the end of a part stays a line of its own."""
    return b"".join(part if not part or part.endswith(b"\n") else part + b"\n" for part in parts)
