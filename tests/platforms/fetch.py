"""Fetch what test_other_platforms.py needs, into a folder of its own (some 400 MB; nothing is installed).

    python -m tests.platforms.fetch FOLDER

Takes a Debian machine with apt and pip: qemu's user emulation, Python, numpy and OpenBLAS of Debian for each
foreign architecture, numpy and safetensors of PyPI for aarch64, and an environment with another numpy.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DEBIAN = {"aarch64": "arm64", "s390x": "s390x"}
"""Architectures as qemu and as Debian call them; s390x is big-endian."""
PACKAGES = ("python3-numpy", "libopenblas0-pthread", "libstdc++6")
WHEELS = ("numpy", "safetensors", "constriction")
OTHER_NUMPY = ("numpy==1.26.4", "safetensors", "constriction")


def fetch(folder: Path) -> None:
    folder = folder.resolve()
    fetch_qemu(folder / "qemu")
    for machine, architecture in DEBIAN.items():
        fetch_debian(folder / machine, architecture)
    fetch_wheels(folder / "aarch64-wheels", folder / "aarch64")
    fetch_environment(folder / "other-numpy")


def fetch_qemu(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    run(["apt-get", "download", "qemu-user-static"], folder)
    unpack(folder, folder)


def fetch_debian(folder: Path, architecture: str) -> None:
    """A root of a foreign architecture, by apt with a state of its own."""
    apt = folder / "apt"
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    (apt / "status").touch()
    options = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "Dir::State": apt / "state",
        "Dir::State::status": apt / "status",
        "Dir::Cache": apt / "cache",
    }
    command = ["apt-get", *(f"-o{name}={value}" for name, value in options.items())]
    run([*command, "update"], folder)
    run([*command, "install", "-y", "--download-only", *PACKAGES], folder)
    unpack(apt / "cache" / "archives", folder)


def fetch_wheels(folder: Path, root: Path) -> None:
    """Wheels for the foreign Python, those that exist."""
    (python,) = (root / "usr" / "bin").glob("python3.[0-9]*[0-9]")
    platforms = [f"--platform=manylinux{name}_aarch64" for name in ("2014", "_2_17", "_2_28")]
    wanted = [f"--python-version={python.name.removeprefix('python')}", "--only-binary=:all:", *platforms]
    pip = [sys.executable, "-m", "pip", "install", "--no-deps", "--upgrade", f"--target={folder}", *wanted]
    for wheel in WHEELS:
        if subprocess.run([*pip, wheel]).returncode:
            print(f"no wheel of {wheel} for aarch64: a stand-in will serve")


def fetch_environment(folder: Path) -> None:
    run([sys.executable, "-m", "venv", folder], folder.parent)
    run([folder / "bin" / "python", "-m", "pip", "install", *OTHER_NUMPY], folder)


def unpack(archives: Path, root: Path) -> None:
    for archive in sorted(archives.glob("*.deb")):
        run(["dpkg", "-x", archive, root], root)


def run(command: list, folder: Path) -> None:
    subprocess.run([str(part) for part in command], cwd=folder, check=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    fetch(Path(sys.argv[1]))
