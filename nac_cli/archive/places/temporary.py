"""Temporary local copies of files of a store."""

from __future__ import annotations

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nac_cli.archive.holder import runs

NAME = f"nac-{re.sub(r'[^A-Za-z0-9]', '_', platform.node())}-{{}}-"
"""Prefix of the names of a process's temporary folders."""


@contextmanager
def temporary() -> Iterator[Path]:
    _sweep_once()
    with tempfile.TemporaryDirectory(prefix=NAME.format(os.getpid())) as folder:
        yield Path(folder)


def sweep() -> None:
    """Remove the temporary files of processes that were killed."""
    for left in Path(tempfile.gettempdir()).glob(NAME.format("*") + "*"):
        process = re.match(NAME.format(r"(\d+)"), left.name)
        if process and not runs(int(process[1])):
            shutil.rmtree(left, ignore_errors=True)


_swept = False


def _sweep_once() -> None:
    global _swept
    if not _swept:
        _swept = True
        sweep()
