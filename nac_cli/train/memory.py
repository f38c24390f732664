"""Memory for a training that allocates the same large tensors at every step."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Numbers of parameters of mallopt(3)."""
MOST = 2**31 - 1


def keep_freed() -> bool:
    """Let the C library keep freed memory for the next step; whether it can (glibc).

    Large tensors come from the kernel and go back to it each time otherwise, which then has to clear every page anew:
    5 to 10 % of a step on a CPU.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, MOST))
