"""The golden vectors on other processors and with another numpy: see README.md for how to run this."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.platforms.fetch import DEBIAN

ROOT = Path(__file__).parents[2]
FOLDER = os.environ.get("NAC_PLATFORMS", "")

pytestmark = [
    pytest.mark.platforms,
    pytest.mark.skipif(not FOLDER, reason="NAC_PLATFORMS names no folder filled by tests.platforms.fetch"),
]


def check(command: list, **environment: str) -> str:
    variables = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environment}
    finished = subprocess.run(
        [str(part) for part in command],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
    )
    print(finished.stdout)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def emulate(machine: str, paths: list[Path], *arguments: str) -> str:
    """Run the check under qemu with Debian's Python for `machine` and what lies in `paths`."""
    root = Path(FOLDER) / machine
    qemu = Path(FOLDER) / "qemu" / "usr" / "bin" / f"qemu-{machine}-static"
    library = root / "usr" / "lib" / f"{machine}-linux-gnu"
    guest = {
        "LD_LIBRARY_PATH": ":".join(str(library / part) for part in ("openblas-pthread", "blas", "lapack")),
        "PYTHONPATH": ":".join(map(str, [ROOT, *paths])),
        "OMP_NUM_THREADS": "1",
    }
    settings = [word for name, value in guest.items() for word in ("-E", f"{name}={value}")]
    emulator = [qemu, "-cpu", "max", "-L", root, *settings, root / "usr" / "bin" / "python3"]
    return check([*emulator, "-m", "tests.platforms.check", *arguments])


@pytest.mark.parametrize("machine", DEBIAN)
def test_other_processors(machine):
    """Debian's numpy, with OpenBLAS as its matrix routines."""
    output = emulate(machine, [], "reference", "package")
    assert output.startswith(machine) and "openblas" in output
    assert ("big-endian" in output) == (machine == "s390x")


def test_aarch64_with_the_wheels_of_pypi():
    output = emulate("aarch64", [Path(FOLDER) / "aarch64-wheels"], "package")
    assert output.startswith("aarch64") and "openblas" in output


def test_another_numpy():
    output = check([Path(FOLDER) / "other-numpy" / "bin" / "python", "-m", "tests.platforms.check"])
    assert "numpy 1.26" in output and "stand-ins: none" in output
