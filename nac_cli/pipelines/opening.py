"""Opening a `.nac` input, whatever it comes as."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from nac_cli.errors import AudioError


@contextmanager
def open_stream(source: str | os.PathLike | BinaryIO) -> Iterator[BinaryIO]:
    """The binary file of a path, or the file object itself, which stays open. Raises AudioError if it cannot be read."""
    if not isinstance(source, (str, os.PathLike)):
        yield source
        return
    try:
        file = open(source, "rb")
    except OSError as error:
        raise AudioError(f"{source}: cannot be read ({error.strerror}); check the path and its permissions") from error
    with file:
        yield file
