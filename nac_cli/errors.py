"""Every way nac can say no, with the exit code the command line gives it.

The library raises these and nothing else on bad input; `nac_cli.cli` is the one place where an
error becomes a message and an exit code. A message says what is wrong, where, and what to do.
"""

from __future__ import annotations


class NacError(Exception):
    """Base of all errors that nac raises on purpose."""

    exit_code = 1


class UsageError(NacError):
    """The request makes no sense or cannot be met (a bitrate out of range, clashing options)."""

    exit_code = 2


class AudioError(NacError):
    """An audio input cannot be read, or an audio output cannot be written."""

    exit_code = 3


class FormatError(NacError):
    """A `.nac` stream cannot be used as it stands."""

    exit_code = 5


class UnsupportedStream(FormatError):
    """Not a nac file at all, or one that needs a newer nac (unknown version, block or mode)."""

    exit_code = 5


class CorruptStream(FormatError):
    """The bytes contradict the format: a structural error, a truncation, a failed checksum."""

    exit_code = 6


class PartlyDecoded(FormatError):
    """Some chunks were damaged; the intact ones were delivered, the rest is silence."""

    exit_code = 4


class ModelError(NacError):
    """The model that a file or a command names is missing, unknown or damaged."""

    exit_code = 7


class TokenMismatch(FormatError):
    """The bytes are intact, but the entropy model here decodes them to other tokens."""

    exit_code = 8


class OutputExists(NacError):
    """The output is already there and `--force` was not given."""

    exit_code = 9


class LimitExceeded(FormatError):
    """A stream asks for more than the documented limits allow."""

    exit_code = 10


class BatchFailed(NacError):
    """Some inputs of a batch failed; the others are done."""

    exit_code = 11


class Interrupted(NacError):
    """Stopped by the user (Ctrl-C, SIGTERM)."""

    exit_code = 130
