"""Outputs of sound: a path or a pipe, with a temporary file in front of a pipe for formats that must seek."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from nac_cli.audio.source import COPY_BYTES, reason
from nac_cli.errors import AudioError


class Target:
    """An output that is open for writing.

    `file` is what to write into. A file object of the caller counts as a pipe: it is written from front to
    back and stays open. With `spool`, `file` is then a temporary one (see `TMPDIR`), which `deliver` copies.
    Raises `AudioError` if the output cannot be opened.
    """

    def __init__(self, target: str | os.PathLike | BinaryIO, spool: bool):
        self.pipe = not isinstance(target, (str, os.PathLike))
        if isinstance(target, (str, os.PathLike)):
            self.name = str(Path(target))
        else:
            name = getattr(target, "name", None)
            self.name = "standard output" if name in ("<stdout>", 1) else "the output stream"
        with self.faults():  # `deliver` or `abandon` closes what is opened here
            if isinstance(target, (str, os.PathLike)):
                self._end: BinaryIO = Path(target).open("w+b")  # noqa: SIM115
            else:
                self._end = target
            self._spooled = self.pipe and spool
            self.file: BinaryIO = self._end
            if self._spooled:
                self.file = tempfile.TemporaryFile(prefix="nac-")  # noqa: SIM115

    @contextmanager
    def faults(self) -> Iterator[None]:
        """Turn the system's errors inside into `AudioError`."""
        try:
            yield
        except (OSError, ValueError) as error:
            advice = "; check the path, its permissions and the free space" if not self.pipe else ""
            raise AudioError(f"{self.name} cannot be written: {reason(error)}{advice}") from error

    def deliver(self) -> None:
        """Write everything to the end and close the files that are ours."""
        with self.faults():
            if self._spooled:
                self.file.seek(0)
                shutil.copyfileobj(self.file, self._end, COPY_BYTES)
                self.file.close()
            self._end.flush()
            if not self.pipe:
                self._end.close()

    def discard(self) -> None:
        """Close the files that are ours, whatever state they are in."""
        for file in (self.file, self._end):
            try:
                if file is not self._end or not self.pipe:
                    file.close()
            except OSError:
                pass  # the error that led here is the one to report
