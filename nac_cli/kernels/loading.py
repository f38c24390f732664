"""Modules of kernels as machine code, found in the cache or compiled when the first caller asks for one."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, wraps
from importlib import import_module
from importlib.util import find_spec
from threading import RLock
from types import SimpleNamespace
from typing import TypeVar

from nac_cli.kernels.cache import name_for, read, write

Loaded = TypeVar("Loaded")

SETTING = "NAC_KERNELS"
"""In the environment: "numpy" does without kernels, "numba" makes it an error if there are none."""

_lock = RLock()


def _kept(function: Callable[..., Loaded]) -> Callable[..., Loaded]:
    """`function` with its results kept, called by one thread at a time: else another's result would be forgotten at
    once, and its machine code with it, while that thread is in it."""
    found = cache(function)

    @wraps(function)
    def kept(room: str, package: str = "kernels") -> Loaded:
        with _lock:
            return found(room, package)

    kept.cache_clear = found.cache_clear  # type: ignore[attr-defined]
    return kept


@_kept
def load(room: str, package: str = "kernels") -> SimpleNamespace | None:
    """The kernels of `nac_cli.<package>.<room>`, by name; None without numba, and where the environment says so.

    The module itself is imported only to be compiled; what its code depends on must lie in `package`, or in this one.
    With NAC_KERNELS=numba whatever keeps numba from working is raised.
    """
    setting = os.environ.get(SETTING, "auto")
    if setting == "numpy":
        return None
    if setting == "numba":
        return _ready(room, package)
    if find_spec("llvmlite") is None or find_spec("numba") is None:
        return None
    try:
        return _ready(room, package)
    except Exception:  # of a numba that does not fit its numpy, a processor it does not know, ...
        return None


@_kept
def load_or_plain(room: str, package: str) -> SimpleNamespace:
    """As `load`; where there are no kernels, the functions that they are made of, in Python: slow, to the same end."""
    made = load(room, package)
    if made is not None:
        return made
    from nac_cli.kernels.compiling import plain

    return plain(import_module(f"nac_cli.{package}.{room}"))


def _ready(room: str, package: str) -> SimpleNamespace:
    from nac_cli.kernels.code import Code

    name = name_for(room, package)
    kept = read(name)
    code = None if kept is None else Code.from_bytes(kept)
    if code is None:
        from nac_cli.kernels.compiling import compile_room

        code = compile_room(import_module(f"nac_cli.{package}.{room}"))
        write(name, code.to_bytes())
    return code.link()
