"""Opening a `.nac` input from a path or an open file, and the names of sources and targets in reports."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from nac_cli.errors import AudioError
from nac_cli.files import require_binary
from nac_cli.values import Waveform


@contextmanager
def open_stream(source: str | os.PathLike | BinaryIO) -> Iterator[BinaryIO]:
    """The binary file of a path, or the file object itself, which stays open. Raises AudioError if it cannot be
    read, UsageError if it is neither."""
    require_binary(source, "read")
    if not isinstance(source, (str, os.PathLike)):
        yield source
        return
    with ExitStack() as stack:
        try:
            file = stack.enter_context(open(source, "rb"))
        except OSError as error:
            message = f"{source}: cannot be read ({error.strerror}); check the path and its permissions"
            raise AudioError(message) from error
        yield file


def name_of(place: object) -> str:
    """The name in reports of a path (in full), an open file (its own name) or a `Waveform`."""
    if isinstance(place, Waveform):
        return "waveform"
    return str(place) if isinstance(place, (str, os.PathLike)) else str(getattr(place, "name", "stream"))
