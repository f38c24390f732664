"""How much memory a process took at its peak."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path


def peak_alone(work: Callable[..., object], *args: object) -> int | None:
    """Peak resident memory in bytes of a process that starts, does `work(*args)` and nothing else: Python,
    libraries, models and sounds included. None where the system does not tell; what `work` raises is raised.

    A process of its own, since the memory of one that has done other work before says little: what was freed
    is used again.
    """
    if peak_bytes() is None:
        return None
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_peak_after, work, args).result()


def peak_bytes(process: int | str = "self") -> int | None:
    """Peak resident memory so far (Linux: VmHWM). Not that of getrusage(2), which counts what the parent had
    when it started the process. None where there is no such figure."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), None)


def _peak_after(work: Callable[..., object], args: tuple) -> int | None:
    work(*args)
    return peak_bytes()
