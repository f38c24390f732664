"""Tables are the same whatever the matrix library does: kernels of other processors, threads, batch sizes, passes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nac_cli.entropy.lm import Network, decode, measure
from nac_cli.entropy.lm.arithmetic import BACKENDS

from .models import quantised, random_chunk, small

ROOT = Path(__file__).parents[3]


def digest() -> str:
    """Of the streams of 64 chunks; products of the step pass are large enough to be spread over threads."""
    config = small((40, 70), width=64, feed_width=256, window=8)
    network, rng = Network(quantised(config), BACKENDS[0]), np.random.default_rng(0)
    chunks = [random_chunk(rng, config, 12) for _ in range(64)]
    streams, depths = [measure(network, *chunk).encode() for chunk in chunks], [depths for _, depths in chunks]
    for first, last in [(0, 64), (0, 1), (63, 64)]:
        decoded = decode(network, streams[first:last], depths[first:last])
        assert all(np.array_equal(left, right) for left, (right, _) in zip(decoded, chunks[first:last], strict=True))
    return hashlib.sha256(b"".join(streams)).hexdigest()


def has_avx512() -> bool:
    flags = Path("/proc/cpuinfo")
    return flags.exists() and "avx512f" in flags.read_text()


@pytest.mark.parametrize(
    "variables",
    [
        {"OPENBLAS_NUM_THREADS": "2"},
        {"OPENBLAS_CORETYPE": "Haswell"},
        {"OPENBLAS_CORETYPE": "Zen", "OPENBLAS_NUM_THREADS": "2"},
        pytest.param({"OPENBLAS_CORETYPE": "SkylakeX"}, marks=pytest.mark.skipif(not has_avx512(), reason="no AVX-512")),
    ],
    ids=lambda variables: "-".join(variables.values()),
)
def test_the_same_streams_under_other_libraries(variables):
    run = subprocess.run(
        [sys.executable, "-m", "tests.entropy.lm.test_platforms"],
        env={**os.environ, "OMP_NUM_THREADS": variables.get("OPENBLAS_NUM_THREADS", "1"), **variables},
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert run.stdout.split() == [digest()]


if __name__ == "__main__":
    print(digest())
