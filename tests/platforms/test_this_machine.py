"""The golden vectors under other threads, instruction sets and environments of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIANTS = {
    "one thread": ({"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}, ""),
    "two threads": ({"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}, ""),
    "no vectors": ({"OPENBLAS_CORETYPE": "Prescott", "ATEN_CPU_CAPABILITY": "default"}, "sse2"),
    "compatible": ({"MKL_CBWR": "COMPATIBLE", "OPENBLAS_CORETYPE": "Nehalem"}, "sse4_2"),
    "avx2": ({"OPENBLAS_CORETYPE": "Haswell", "ATEN_CPU_CAPABILITY": "avx2"}, "avx2"),
    "avx512": ({"OPENBLAS_CORETYPE": "SkylakeX", "ATEN_CPU_CAPABILITY": "avx512"}, "avx512bw"),
}
"""What is set, and what the processor must have for it. numpy's matrix routines look at OPENBLAS_CORETYPE or
MKL_CBWR; the language model uses no torch, and ATEN_CPU_CAPABILITY is there in case it ever does."""

pytestmark = pytest.mark.platforms


def abilities() -> set[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return {word for line in lines if line.startswith("flags") for word in line.split()}


@pytest.mark.parametrize("name", VARIANTS)
def test_same_codes_words_and_tables(name):
    """Every golden vector, on every backend, in batches of 1 and 64."""
    settings, needed = VARIANTS[name]
    if needed and needed not in abilities():
        pytest.skip(f"the processor has no {needed}, or does not say so")
    finished = subprocess.run(
        [sys.executable, "-m", "tests.platforms.check", "package"],
        cwd=ROOT,
        env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    assert "agree" in finished.stdout
