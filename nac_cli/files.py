"""Outputs are written beside their final place and renamed, so that nothing half-done and nothing lost is ever seen."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from nac_cli.errors import AudioError, OutputExists

LONGEST_NAME = 230
"""Bytes of a name to which a few can be added."""


def check_output(path: Path, force: bool) -> None:
    """Raise OutputExists when `path` is there and `force` is not given, AudioError when it cannot be a file."""
    if path.is_dir():
        raise AudioError(f"{path}: is a folder; name a file or end the name with / to write into it")
    if path.exists() and not force:
        raise OutputExists(f"{path}: already exists; use --force to replace it")
    if not path.parent.is_dir():
        raise AudioError(f"{path}: its folder does not exist; make it first")


@contextmanager
def atomic_path(path: Path, force: bool) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` on success, remove it on any failure."""
    check_output(path, force)
    beside = path.with_name(f".{_short(path.name)}.{os.getpid()}.part")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        if path.exists() and not force:  # made by someone else meanwhile
            raise OutputExists(f"{path}: already exists; use --force to replace it")
        os.replace(beside, path)
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({error.strerror or error})") from error
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def open_replacement(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when all is well, with its permissions and (where allowed) its owner.

    A symbolic link stays, what it leads to is replaced. Raises AudioError where that is no ordinary file that may be
    written.
    """
    if not path.is_file():
        raise AudioError(f"{path}: cannot be changed in place, it is no ordinary file")
    if not os.access(path, os.W_OK):
        raise AudioError(f"{path}: is write-protected; allow writing to it first")
    path = path.resolve()
    with atomic_path(path, force=True) as beside:
        old = path.stat()
        with open(beside, "wb", opener=_private) as file:
            yield file
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(beside, old.st_uid, old.st_gid)
        shutil.copystat(path, beside)
        os.utime(beside)


def _short(name: str) -> str:
    """`name`, or what stands for it if nothing can be added within the 255 bytes that file systems allow."""
    data = os.fsencode(name)
    return name if len(data) <= LONGEST_NAME else hashlib.sha256(data).hexdigest()


def _private(path: str, flags: int) -> int:
    """Opens a file that nobody else can read, until it gets the permissions of what it replaces."""
    return os.open(path, flags, 0o600)


@contextmanager
def open_output(
    target: str | os.PathLike | BinaryIO, force: bool
) -> Iterator[tuple[BinaryIO, Callable[[], BinaryIO | Path]]]:
    """The file to write into, and a function that gives what was written so far for reading back.

    A path is written beside and renamed, a pipe gets its bytes when all is well.
    """
    if not isinstance(target, (str, os.PathLike)):
        held = io.BytesIO()
        yield held, lambda: io.BytesIO(held.getvalue())
        target.write(held.getvalue())
        target.flush()
        return
    with atomic_path(Path(target), force) as beside, open(beside, "wb") as file:

        def written() -> Path:
            file.flush()
            return beside

        yield file, written
