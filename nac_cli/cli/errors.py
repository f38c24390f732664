"""Where an error becomes a message and an exit code, and the table of exit codes."""

from __future__ import annotations

import os
import sys
import traceback

import click

from nac_cli import errors, failures
from nac_cli.errors import UsageError
from nac_cli.failures import Failure

CLOSED_PIPE = 141
"""The code that a shell reports for a program that SIGPIPE ended."""

EXIT_CODES = {0: "done", **errors.EXIT_CODES, CLOSED_PIPE: "the reader of a pipe went away; nothing is said"}
"""Meanings of all exit codes: the help has this table, and so has README.md."""


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
