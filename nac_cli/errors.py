"""Every way nac can say no, with the exit code the command line gives it and what that code means.

The library raises these and nothing else on bad input; `nac_cli.cli` is the one place where an
error becomes a message and an exit code. A message says what is wrong, where, and what to do.
"""

from __future__ import annotations


class NacError(Exception):
    """Base of all errors that nac raises on purpose."""

    exit_code = 1
    meaning = "internal error"


class UsageError(NacError):
    """The request makes no sense or cannot be met (a bitrate out of range, clashing options)."""

    exit_code = 2
    meaning = "wrong usage, or a target that cannot be met"


class AudioError(NacError):
    """An audio input cannot be read, or an audio output cannot be written."""

    exit_code = 3
    meaning = "unreadable or unwritable"


class FormatError(NacError):
    """A `.nac` stream cannot be used as it stands."""

    exit_code = 5
    meaning = "not a nac file, or a newer one"


class UnsupportedStream(FormatError):
    """Not a nac file at all, or one that needs a newer nac (unknown version, block or mode)."""


class CorruptStream(FormatError):
    """The bytes contradict the format: a structural error, a truncation, a failed checksum."""

    exit_code = 6
    meaning = "corrupt"


class PartlyDecoded(FormatError):
    """Some chunks were damaged; the intact ones were delivered, the rest is silence."""

    exit_code = 4
    meaning = "damaged, partly decoded"


class ModelError(NacError):
    """The model that a file or a command names is missing, unknown or damaged."""

    exit_code = 7
    meaning = "its model is missing"


class TokenMismatch(FormatError):
    """The bytes are intact, but the entropy model here decodes them to other tokens."""

    exit_code = 8
    meaning = "tokens mismatch"


class OutputExists(NacError):
    """The output is already there and `--force` was not given."""

    exit_code = 9
    meaning = "output exists"


class LimitExceeded(FormatError):
    """A stream asks for more than the documented limits allow."""

    exit_code = 10
    meaning = "beyond the limits"


class BatchFailed(NacError):
    """Some inputs of a batch failed; the others are done."""

    exit_code = 11
    meaning = "some inputs of a batch failed"


class Interrupted(NacError):
    """Stopped by the user (Ctrl-C, SIGTERM)."""

    exit_code = 130
    meaning = "interrupted"


EXIT_CODES = {
    kind.exit_code: kind.meaning
    for kind in (
        NacError, UsageError, AudioError, PartlyDecoded, UnsupportedStream, CorruptStream, ModelError, TokenMismatch,
        OutputExists, LimitExceeded, BatchFailed, Interrupted,
    )
}  # fmt: skip
"""Meanings of the exit codes that errors have, in ascending order."""
