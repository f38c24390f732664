"""Where an error becomes a message and an exit code.

code  meaning
0     done
1     internal error, out of memory, a package is missing
2     wrong usage
3     a file cannot be read or written
4     damaged, partly decoded
5     not a nac file, or one for a newer nac
6     corrupt: structure or checksum
7     model missing or damaged
8     tokens mismatch
9     output exists
10    limit exceeded
11    a batch finished, some of its inputs failed
130   interrupted
141   the reader of a pipe went away; nothing is said
"""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass

import click

from nac_cli.errors import AudioError, Interrupted, NacError, UsageError

INTERNAL = NacError.exit_code
CLOSED_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended."""

EXTRAS = {
    "scipy": "bench",
    "visqol": "bench",
    "zimtohrli": "bench",
    "bokeh": "bench",
    "jinja2": "bench",
    "PIL": "bench",
    "pyloudnorm": "bench",
    "pesq": "bench-speech",
    "pystoi": "bench-speech",
    "tensorboard": "train",
    "ray": "archive",
    "fsspec": "archive",
}


@dataclass(frozen=True)
class Failure:
    """What to tell, and how to exit."""

    message: str
    exit_code: int


def explain(error: BaseException) -> Failure:
    """The message and the exit code that belong to any exception."""
    if _has_closed_pipe(error):
        return Failure("the reader of the output went away", CLOSED_PIPE)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return Failure("interrupted", Interrupted.exit_code)
    if isinstance(error, NacError):
        return Failure(str(error), error.exit_code)
    if isinstance(error, click.UsageError):
        return Failure(error.format_message(), UsageError.exit_code)
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), error.exit_code)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("nac_cli"):
        return Failure(_missing_package(error.name.partition(".")[0]), INTERNAL)
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return Failure(
            f"{where}{error.strerror}; check the path, its permissions and the free space",
            AudioError.exit_code,
        )
    said = " ".join(str(error).split()) or "no details"
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, on a GPU
        return Failure(f"out of memory ({said}); free some, or try --device cpu", INTERNAL)
    return Failure(
        f"internal error, {type(error).__name__}: {said}; this is a bug in nac, please report it with the "
        "command that led here and what NAC_DEBUG=1 makes it print",
        INTERNAL,
    )


def show_traceback(error: BaseException) -> None:
    """On stderr, if NAC_DEBUG=1 asks for it."""
    if os.environ.get("NAC_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error, file=sys.stderr)


def _has_closed_pipe(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, BrokenPipeError):
            return True
        error = error.__cause__
    return False


def _missing_package(name: str) -> str:
    extra = EXTRAS.get(name)
    wanted = f"nac-cli[{extra}]" if extra else "nac-cli"
    return f"this needs the Python package {name!r}, which is not installed: pip install '{wanted}'"
