"""Memory of work in a process of its own: that of the work, and of nothing that was done before."""

from __future__ import annotations

import pytest

from nac_cli.bench.memory import peak_alone, peak_bytes
from nac_cli.errors import UsageError

MEGABYTE = 1_000_000

pytestmark = pytest.mark.skipif(peak_bytes() is None, reason="this system does not tell of peak memory")


def fill(count: int) -> None:
    bytes(bytearray(b"x") * count)


def fail() -> None:
    raise UsageError("it cannot be done")


def test_the_memory_of_a_process_is_that_of_its_work():
    here = bytearray(b"x") * (400 * MEGABYTE)  # which is not the work's
    small, large = (peak_alone(fill, count) for count in (1, 150 * MEGABYTE))
    assert 290 * MEGABYTE < large - small < 310 * MEGABYTE
    assert small < 300 * MEGABYTE < len(here) < peak_bytes()


def test_what_goes_wrong_there_is_raised_here():
    with pytest.raises(UsageError, match="cannot be done"):
        peak_alone(fail)
