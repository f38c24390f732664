"""nac as a program: standard streams that are there and lose nothing, and an end that no signal changes."""

from __future__ import annotations

import errno
import io
import os
import select
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TextIO, cast

from nac_cli.cli.interrupt import interruptible
from nac_cli.errors import Interrupted


def run(command: Callable[[], object], report: Callable[[BaseException], int]) -> int:
    """Call `command` with whole streams and see to it that all it wrote is delivered. The exit code: what it returns, 0
    for None, or what `report` makes of its exception."""
    streams = open_streams()
    code = Interrupted.exit_code
    with suppress(KeyboardInterrupt), interruptible(last=True):  # a signal when all is over changes nothing
        try:
            result = command()
            if not result:  # else an error has been told, perhaps that of the output itself
                sys.stdout.flush()
            code = result if isinstance(result, int) else 0
        except (Exception, KeyboardInterrupt) as error:
            code = report(error)
    for stream in streams:
        stream.give_up()
    return code


def open_streams() -> list[Stream]:
    """Replace the standard streams by ones that are there (a descriptor that the caller closed is none, and a file
    opened later must not get its number) and, for output, that write all they are given whatever the buffering."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with suppress(OSError):
                os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Closed("standard input")))
    output, talk = Stream.of(sys.stdout, 1, "standard output"), Stream.of(sys.stderr, 2, "standard error")
    if output is not None:
        sys.stdout = output.as_text(sys.stdout)
    if talk is not None:
        sys.stderr = talk.as_text(sys.stderr)
    return [stream for stream in (output, talk) if stream is not None]


class Stream(io.FileIO):
    """A standard output. A write takes all bytes, on pipes that do not block too, or raises an OSError that names the
    stream. What standard error cannot take is lost, as it is no reason to fail; but for a reader that went away."""

    def __init__(self, number: int, title: str, closed: bool):
        super().__init__(number, "wb", closefd=False)
        self.name = f"<{'stdout' if number == 1 else 'stderr'}>"
        self._title, self._needed, self._missing, self._given_up = title, number == 1, closed, False

    @classmethod
    def of(cls, text: TextIO | None, number: int, title: str) -> Stream | None:
        """The stream in place of Python's `text` (None: closed); None for what is no file, such as a console."""
        buffer = getattr(text, "buffer", None)
        if text is not None and type(getattr(buffer, "raw", buffer)) is not io.FileIO:
            return None
        return cls(number, title, closed=text is None)

    def as_text(self, like: TextIO | None) -> TextIO:
        """A text stream on this one, with the encoding of `like`."""
        encoding, errors = ("utf-8", "backslashreplace") if like is None else (like.encoding, like.errors)
        return io.TextIOWrapper(io.BufferedWriter(cast("io.RawIOBase", self)), encoding, errors, line_buffering=True)

    def give_up(self) -> None:
        """Drop the bytes that are still held back: they cannot be delivered, and Python must not try again."""
        self._given_up = True

    def write(self, data: bytes | memoryview) -> int:  # type: ignore[override]
        view, done = memoryview(data).cast("B"), 0
        while done < len(view) and not self._given_up:
            try:
                if self._missing:
                    raise OSError(errno.EBADF, "is closed")
                written = super().write(view[done:])
            except OSError as error:
                if self._needed or isinstance(error, BrokenPipeError):
                    raise OSError(error.errno, error.strerror, self._title) from None
                break
            if written is None:
                select.select([], [self], [])
            else:
                done += written
        return len(view)


class _Closed(io.RawIOBase):
    """A standard input that the caller closed."""

    def __init__(self, title: str):
        self._title = title

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        raise OSError(errno.EBADF, "is closed", self._title)
