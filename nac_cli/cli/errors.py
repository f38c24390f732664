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

import click

from nac_cli import failures
from nac_cli.errors import UsageError
from nac_cli.failures import Failure

CLOSED_PIPE = 141
"""What a shell reports for a program that SIGPIPE ended."""

MEANINGS = {
    1: "internal error",
    2: "a target that cannot be met",
    3: "unreadable or unwritable",
    4: "damaged, partly decoded",
    5: "not a nac file, or a newer one",
    6: "corrupt",
    7: "its model is missing",
    8: "tokens mismatch",
    9: "output exists",
    10: "beyond the limits",
}
"""Of the exit code that a single file would have given, in a summary of many."""


def explain(error: BaseException) -> Failure:
    """The message and the exit code that belong to any exception, click's included."""
    if _has_closed_pipe(error):
        return Failure("the reader of the output went away", CLOSED_PIPE)
    if isinstance(error, click.Abort):
        return failures.explain(KeyboardInterrupt())
    if isinstance(error, click.UsageError):
        return Failure(error.format_message(), UsageError.exit_code)
    if isinstance(error, click.ClickException):
        return Failure(error.format_message(), error.exit_code)
    return failures.explain(error)


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
