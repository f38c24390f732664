"""A place that is a local folder, or one that the system mounts."""

from __future__ import annotations

import os
import posixpath
import stat
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from nac_cli.archive.places.place import LOCK, PRIVATE, Found, Skip, joined_parts, parts_of
from nac_cli.errors import AudioError, UsageError
from nac_cli.files import replacing

UNFINISHED = f"{PRIVATE}/unfinished"


@dataclass(frozen=True)
class Folder:
    """A `Place` in a folder. Files that are being written lie in the private folder, on the same file system as their
    place."""

    root: Path
    keeps_times: ClassVar[bool] = True

    @property
    def name(self) -> str:
        return str(self.root)

    def __reduce__(self) -> tuple:
        """Pickled with an absolute path, since other processes may have other working directories."""
        return Folder, (self.root.absolute(),)

    def walk(self, skip: Skip, follow_links: bool = False) -> Iterator[Found]:
        return self._walk(self.root, "", skip, follow_links, frozenset())

    def stat(self, path: str, follow_links: bool = True) -> Found | None:
        if not follow_links and self._link_on_the_way(path):
            return None
        try:
            status = os.stat(self.root / path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Found(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None

    @contextmanager
    def reading(self, path: str) -> Iterator[Path]:
        yield self.root / path

    @contextmanager
    def writing(self, path: str, mtime_ns: int, overwrite: bool = True) -> Iterator[Path]:
        target = self.root / path
        self._refuse_links(posixpath.dirname(path))
        self._refuse_links(UNFINISHED)
        beside = self.root / UNFINISHED / uuid.uuid4().hex
        beside.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target, overwrite=overwrite, beside=beside):
            yield beside
            os.utime(beside, ns=(mtime_ns, mtime_ns))
            target.parent.mkdir(parents=True, exist_ok=True)

    def append(self, path: str, data: bytes) -> None:
        path = (self._parts(path) or [path])[-1]
        self._refuse_links(path)
        file = os.open(self.root / path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            end = os.lseek(file, 0, os.SEEK_END)
            if end and _last_byte(file) != b"\n":  # a process was killed while it wrote: its line stays alone
                data = b"\n" + data
            while data:
                data = data[os.write(file, data) :]
            os.fsync(file)
        finally:
            os.close(file)

    def records(self, path: str) -> bytes:
        return joined_parts((self.root / part).read_bytes() for part in self._parts(path))

    @contextmanager
    def claim(self) -> Iterator[None]:
        self._refuse_links(LOCK)
        (self.root / PRIVATE).mkdir(parents=True, exist_ok=True)
        with open(self.root / LOCK, "a") as lock:
            if not _locked(lock.fileno()):
                raise UsageError(f"{self.name}: another nac works on this archive; wait for it, or end it")
            yield

    def discard_unfinished(self) -> None:
        self._refuse_links(UNFINISHED)
        for left in (self.root / UNFINISHED).glob("*"):
            left.unlink(missing_ok=True)

    def folds_case(self) -> bool:
        return (self.root / PRIVATE.upper()).exists()

    def _refuse_links(self, path: str) -> None:
        """Raise AudioError where a link on the way to `path` could lead out of the place: who made it may want other
        files to be written, or removed."""
        if link := self._link_on_the_way(path):
            raise AudioError(f"{self.root / link}: is a symbolic link, and nac writes to none inside of {self.name}")

    def _link_on_the_way(self, path: str) -> str | None:
        """The first symbolic link among the folders of `path` and itself."""
        parts = path.split("/")
        ways = ("/".join(parts[:count]) for count in range(1, len(parts) + 1))
        return next((way for way in ways if way and (self.root / way).is_symlink()), None)

    def _parts(self, path: str) -> list[str]:
        """Paths of the parts of a file of records: the file itself alone, unless the place was copied from a store."""
        folder = posixpath.dirname(path)
        try:
            return parts_of(path, [posixpath.join(folder, name) for name in os.listdir(self.root / folder)])
        except FileNotFoundError:
            return []

    def _walk(
        self, folder: Path, prefix: str, skip: Skip, follow_links: bool, above: frozenset[tuple[int, int]]
    ) -> Iterator[Found]:
        """The files below `folder`. `above` are (device, inode) of the folders on the way here: a link to one of them
        would never end."""
        try:
            status = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            if not prefix:
                raise
            skip(prefix, f"its folder cannot be read ({error.strerror})")
            return
        here = (status.st_dev, status.st_ino)
        if here in above:
            skip(prefix, "a link to a folder that it lies in")
            return
        for entry in entries:
            path = f"{prefix}{entry.name}"
            try:
                if path == PRIVATE:
                    continue
                if entry.is_symlink() and not follow_links:
                    skip(path, "a symbolic link")
                elif entry.is_dir():
                    yield from self._walk(Path(entry.path), f"{path}/", skip, follow_links, above | {here})
                elif entry.is_file():
                    status = entry.stat()
                    yield Found(path, status.st_size, status.st_mtime_ns)
                else:
                    skip(path, "a broken link" if entry.is_symlink() else "not a regular file")
            except OSError as error:
                skip(path, f"cannot be read ({error.strerror})")


def _last_byte(file: int) -> bytes:
    os.lseek(file, -1, os.SEEK_END)
    return os.read(file, 1)


def _locked(file: int) -> bool:
    """Take the lock on a file. Returns whether this process has it now; it keeps it until it closes the file, or
    exits."""
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
    else:
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
