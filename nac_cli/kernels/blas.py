"""One thread for numpy's matrix products, where they are small or several threads each make their own.

Those of the language model take microseconds each. OpenBLAS, which most builds of numpy come with, spreads them over
all processors, and its threads wait for each other by spinning: on two processors that are busy with something else
that was 40 times slower. The environment could say so, but only before numpy is imported.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock

import numpy as np

AFFIXES = (("scipy_", "64_"), ("", "64_"), ("scipy_", ""), ("", ""))
"""Prefixes and suffixes of the functions' names in different builds."""


@contextmanager
def one_thread() -> Iterator[None]:
    """While any thread is inside, OpenBLAS computes in the calling thread alone. Other libraries stay as they are."""
    _hold(1)
    try:
        yield
    finally:
        _hold(-1)


_lock = Lock()
_inside = 0
_before: list[int] = []


def _hold(step: int) -> None:
    """One more or less inside: the first saves the numbers of threads, the last restores them."""
    global _inside, _before
    with _lock:
        if _inside == 0:
            _before = [get() for get, _ in _controls()]
        _inside += step
        for (_, put), threads in zip(_controls(), _before):
            put(1 if _inside else threads)


@cache
def _controls() -> list[tuple[Callable[[], int], Callable[[int], None]]]:
    """Functions that read and set the number of threads, for each OpenBLAS that is loaded."""
    controls = []
    for path in _libraries():
        try:
            library = ctypes.CDLL(path)
        except OSError:
            continue
        for before, after in AFFIXES:
            names = (f"{before}openblas_{verb}_num_threads{after}" for verb in ("get", "set"))
            get, put = (getattr(library, name, None) for name in names)
            if get is not None and put is not None:
                controls.append((get, put))
                break
    return controls


def _libraries() -> list[str]:
    if sys.platform == "linux":
        lines = Path("/proc/self/maps").read_text(encoding="utf-8").splitlines()
        mapped = {line.split(maxsplit=5)[-1] for line in lines}
        return sorted(path for path in mapped if "openblas" in Path(path).name)
    package = Path(np.__file__).parent
    folders = package.parent / "numpy.libs", package / ".dylibs"
    return [str(path) for folder in folders for path in sorted(folder.glob("*openblas*"))]
