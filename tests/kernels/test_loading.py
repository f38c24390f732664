"""Kernels that several threads ask for at the same time."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("numba")

TOGETHER = textwrap.dedent("""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from nac_cli.kernels import load_or_plain

    start = Barrier(4)

    def first(_):
        start.wait()
        return load_or_plain("room", "kernels.detail")

    with ThreadPoolExecutor(4) as pool:
        print(len({id(kernels) for kernels in list(pool.map(first, range(4)))}))
""")


def test_threads_that_ask_together_get_the_same_kernels():
    """Kernels that only one thread knew would be unlinked when it has called one, even while that runs."""
    done = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1"]
