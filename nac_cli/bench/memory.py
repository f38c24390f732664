"""How much memory a piece of work took at its peak."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
FORGET_PEAK = "5"
"""What makes Linux count the peak (VmHWM) from here on (proc_pid_clear_refs(5))."""


@contextmanager
def watched() -> Iterator[Callable[[], int | None]]:
    """The function gives, after the block or in it, the process's peak resident memory since the block began,
    in bytes: Python, its libraries and the model included. None where the system does not tell."""
    try:
        RESET.write_text(FORGET_PEAK)
        supported = True
    except OSError:
        supported = False
    yield lambda: _peak() if supported else None


def _peak() -> int | None:
    for line in STATUS.read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None
