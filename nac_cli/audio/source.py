"""Sources of sound: a path, an open file or a pipe becomes one seekable binary file."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from nac_cli.errors import AudioError
from nac_cli.files import require_binary

COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """A seekable binary file at its start, and what a message should call it."""

    file: BinaryIO
    name: str
    owned: bool

    def close(self) -> None:
        """Close the file, unless it belongs to the caller."""
        if self.owned:
            self.file.close()


def open_source(source: str | os.PathLike | BinaryIO | Source) -> Source:
    """Open a path, or take what is open already: it is read from its start and stays the caller's to close.

    Whatever cannot seek (standard input, a named pipe) is first copied to an unnamed temporary file: nearly
    every format needs to look back, and memory stays bounded. `TMPDIR` decides where that file lies.

    Raises `AudioError` if the source is missing, not readable, a directory or empty, `UsageError` if it is neither a
    path nor a binary file.
    """
    if isinstance(source, Source):
        source.file.seek(0)
        return replace(source, owned=False)
    require_binary(source, "read")
    file, name, owned = _opened(source)
    try:
        if not file.seekable():
            spooled = _spooled(file, name)
            if owned:
                file.close()
            file, owned = spooled, True
        if file.seek(0, os.SEEK_END) == 0:
            raise AudioError(f"{name} is empty (0 bytes): there is no sound to read")
        file.seek(0)
    except OSError as error:
        _close(file, owned)
        raise AudioError(f"{name} cannot be read: {reason(error)}") from error
    except AudioError:
        _close(file, owned)
        raise
    return Source(file, name, owned)


def _opened(source: str | os.PathLike | BinaryIO) -> tuple[BinaryIO, str, bool]:
    if not isinstance(source, (str, os.PathLike)):
        return source, _name(source), False
    path = Path(source)
    try:
        return path.open("rb"), str(path), True
    except FileNotFoundError as error:
        raise AudioError(f"{path} does not exist: check the path") from error
    except IsADirectoryError as error:
        raise AudioError(f"{path} is a directory: name the audio files in it") from error
    except (OSError, ValueError) as error:
        raise AudioError(f"{path} cannot be opened: {reason(error)}") from error


def _name(file: BinaryIO) -> str:
    name = getattr(file, "name", None)
    if name in ("<stdin>", 0):
        return "standard input"
    return name if isinstance(name, str) else "the input stream"


def _spooled(pipe: BinaryIO, name: str) -> BinaryIO:
    """Copy a pipe to a temporary file that vanishes when it is closed."""
    try:
        copy = tempfile.TemporaryFile(prefix="nac-")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise AudioError(f"no temporary file for {name}: {reason(error)}; set TMPDIR to a folder") from error
    try:
        shutil.copyfileobj(pipe, copy, COPY_BYTES)
        copy.flush()
    except OSError as error:
        copy.close()
        raise AudioError(
            f"{name} could not be copied to a temporary file in {tempfile.gettempdir()}: {reason(error)}; "
            "set TMPDIR to a folder with room for the whole input"
        ) from error
    return copy


def _close(file: BinaryIO, owned: bool) -> None:
    if owned:
        file.close()


def reason(error: Exception) -> str:
    """The system's description of an error."""
    return (getattr(error, "strerror", None) or str(error)).lower()
