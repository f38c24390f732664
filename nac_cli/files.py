"""Writing files so that nothing half-done is ever seen and nothing is lost, and the digests of files.

An output is written to a temporary file in the folder of its final place, flushed to the disk, and renamed. What is
no regular file (a device, a pipe, a descriptor under /dev/fd) cannot be renamed over: it gets the bytes once all are
there.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import re
import shutil
import stat
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from nac_cli.errors import AudioError, OutputExists, UsageError

LONGEST_NAME = 230
"""Bytes of a name to which a few can be added."""
READ_BYTES = 1 << 20
_NO_LINKS = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)
"""Errors of `link` where a file system has no hard links."""
_DESCRIPTORS = re.compile(r"/proc/[^/]+(/task/[^/]+)?/fd|/dev/fd")
"""Folders whose entries are open files of a process."""


def sha256_of(path: Path) -> bytes:
    """The SHA-256 of a file, read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(READ_BYTES):
            digest.update(piece)
    return digest.digest()


def check_output(path: Path, force: bool) -> None:
    """Raise OutputExists when a file is at `path` and `force` is not given, AudioError when none can be there."""
    if path.is_dir():
        raise AudioError(f"{path}: is a folder; name a file or end the name with / to write into it")
    if path.exists() and not force and not is_stream(path):
        raise _exists(path)
    if not path.parent.is_dir():
        raise AudioError(f"{path}: its folder does not exist; make it first")


def is_stream(path: Path) -> bool:
    """Whether `path` is something to write into and not a file to replace: a device, a pipe, a socket, or a
    descriptor of this process such as /dev/stdout, whatever that is open on."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    if not stat.S_ISREG(mode):
        return not stat.S_ISDIR(mode)
    while True:
        if _DESCRIPTORS.fullmatch(os.path.realpath(path.parent)):
            return True
        if not path.is_symlink():
            return False
        path = path.parent / os.readlink(path)


@contextmanager
def replacing(path: Path, *, overwrite: bool = True, beside: Path | None = None) -> Iterator[Path]:
    """The path of a new file that takes the place of `path` in one step when the block ends well, and is removed
    when not.

    It lies in the same folder, or is `beside`, which must be on the same file system. The file is flushed to the
    disk before it is renamed. Permissions, owner (where allowed) and extended attributes of a file that is replaced
    stay. A symbolic link at `path` is replaced itself.

    Raises OutputExists when something is at `path` at the end and `overwrite` is not given, else OSError.
    """
    beside = beside or path.with_name(f".{_short(path.name)}.{uuid.uuid4().hex[:16]}.part")
    try:
        yield beside
        if overwrite and _is_regular(path):
            _inherit(path, beside)
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        if overwrite:
            os.replace(beside, path)
        else:
            _rename_new(beside, path)
        _flush_folder(path.parent)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def atomic_path(path: Path, force: bool) -> Iterator[Path]:
    """As `replacing`, for an output that a user named: it must not be there unless `force` is given, a symbolic link
    is followed, and what is no regular file is written into at the end. Raises OutputExists, and AudioError where it
    cannot be written."""
    check_output(path, force)
    try:
        if is_stream(path):
            with TemporaryDirectory(prefix="nac-") as folder:
                held = Path(folder, "output")
                yield held
                with open(held, "rb") as source, open(path, "ab") as stream:  # a descriptor's file is not emptied
                    shutil.copyfileobj(source, stream, READ_BYTES)
        else:
            place = path.resolve() if path.is_symlink() else path
            with replacing(place, overwrite=force) as beside:
                if place.exists():  # nobody else may read the new file until it has the permissions of the old one
                    beside.touch(0o600, exist_ok=False)
                yield beside
    except BrokenPipeError:  # whoever read has gone away, which is no error of the output
        raise
    except OSError as error:
        raise AudioError(f"{path}: cannot be written ({error.strerror or error})") from error


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Make or replace a file that holds `data`. Raises AudioError."""
    with atomic_path(path, force=True) as beside:
        beside.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Make or replace a file that holds `text` in UTF-8, with ends of lines as they are. Raises AudioError."""
    write_bytes(path, text.encode("utf-8"))


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
    with atomic_path(path.resolve(), force=True) as beside, open(beside, "wb") as file:
        yield file


def require_binary(file: object, method: str) -> None:
    """Raises UsageError unless `file` is a path or an open binary file with `method` ("read" or "write"), AudioError if
    it is closed."""
    if isinstance(file, (str, os.PathLike)):
        return
    if not hasattr(file, method) or isinstance(file, io.TextIOBase):
        opened = "; open it in binary mode" if isinstance(file, io.TextIOBase) else ""
        raise UsageError(f"a path or an open binary file is wanted, not {type(file).__name__}{opened}")
    if getattr(file, "closed", False):
        raise AudioError(f"{getattr(file, 'name', 'the stream')} is closed: nac can neither read nor write it")


def check_target(target: str | os.PathLike | BinaryIO, force: bool) -> None:
    """Raises what `check_output` raises for a path, and what `require_binary` does for anything else."""
    require_binary(target, "write")
    if isinstance(target, (str, os.PathLike)):
        check_output(Path(target), force)


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


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A new folder that becomes `path` when the block ends well, and is gone with all that is in it when not. Raises
    OSError."""
    beside = path.with_name(f".{_short(path.name)}.{uuid.uuid4().hex[:16]}.part")
    try:
        beside.mkdir()
        yield beside
        if hasattr(os, "sync"):  # all files of it at once, before it has its name
            os.sync()
        os.rename(beside, path)
        _flush_folder(path.parent)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _exists(path: Path) -> OutputExists:
    return OutputExists(f"{path}: already exists; use --force to replace it")


def _is_regular(path: Path) -> bool:
    """Whether a regular file is at `path` itself; a link is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _inherit(old: Path, new: Path) -> None:
    """Give `new` the owner, permissions and extended attributes of `old`; its times stay its own."""
    status, times = old.stat(), new.stat()
    if hasattr(os, "chown"):
        with suppress(PermissionError):
            os.chown(new, status.st_uid, status.st_gid)
    shutil.copystat(old, new)
    os.utime(new, ns=(times.st_atime_ns, times.st_mtime_ns))


def _rename_new(beside: Path, path: Path) -> None:
    """Rename to a name that nothing has; a hard link cannot replace anything, `rename` would."""
    try:
        os.link(beside, path)
        return
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    try:  # an empty file takes the name first, and is then replaced
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    except FileExistsError:
        raise _exists(path) from None
    os.replace(beside, path)


def _flush_folder(folder: Path) -> None:
    """Have the name of a new file on the disk too, where the system can do that."""
    if os.name == "posix":
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _short(name: str) -> str:
    """`name`, or what stands for it if nothing can be added within the 255 bytes that file systems allow."""
    data = os.fsencode(name)
    return name if len(data) <= LONGEST_NAME else hashlib.sha256(data).hexdigest()
