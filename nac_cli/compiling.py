"""Loops that are compiled where numba is installed, and run as they stand, slowly, where it is not.

A module that uses `compiled` imports numba, which takes half a second: import such a module inside the function that
needs it. The integers are the same either way: kernels keep to arithmetic that Python and machine words share.
"""

from __future__ import annotations

from collections.abc import Callable

try:
    import numba
except ImportError:  # everything works without it
    numba = None


def compiled(function: Callable) -> Callable:
    """`function` as machine code, kept on disk beside the package or in the user's cache folder; without numba the
    function itself. The Python function stays reachable by `plain`."""
    if numba is None:
        return function
    try:
        return numba.njit(function, cache=True, nogil=True)
    except RuntimeError:  # no folder for the cache can be written
        return numba.njit(function, nogil=True)


def plain(function: Callable) -> Callable:
    """The Python function behind one that is `compiled`."""
    return getattr(function, "py_func", function)
