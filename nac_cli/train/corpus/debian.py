"""Fetching Debian packages and unpacking single kinds of files from them. Nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Collection
from pathlib import Path

from nac_cli.errors import AudioError, UsageError

PARTIAL = "partial"


def check_tools() -> None:
    """Raises UsageError where `apt-get` or `dpkg-deb` is missing."""
    missing = [tool for tool in ("apt-get", "dpkg-deb") if shutil.which(tool) is None]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)} cannot be found: the corpus is rebuilt from Debian packages, so do this on "
            "Debian or a relative of it, or prepare recordings of your own with `nac train prepare`"
        )


def fetch(package: str, cache: Path) -> Path:
    """The package's .deb in `cache`, downloaded by `apt-get download` unless it is there.

    What an interrupted download left in `cache/partial` apt-get goes on with. Raises AudioError when it fails.
    """
    there = sorted(cache.glob(f"{package}_*.deb"))
    if there:
        return there[-1]
    partial = cache / PARTIAL
    partial.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["apt-get", "download", "-qq", package],
        cwd=partial,
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    found = sorted(partial.glob(f"{package}_*.deb"))
    if done.returncode or not found:
        said = [line.removeprefix("E: ") for line in done.stderr.splitlines() if line.startswith("E: ")]
        raise AudioError(
            f"{package}: apt-get cannot download it ({'; '.join(said) or f'exit code {done.returncode}'}); "
            "`apt-get update` renews its lists, and not every release has every package"
        )
    return found[-1].rename(cache / found[-1].name)


def unpack(deb: Path, folder: Path, suffixes: Collection[str]) -> list[str]:
    """Unpack the plain files whose lower-case suffix is among `suffixes` below `folder`; their paths in it.

    Links, devices and members that lead out of the folder are passed over. Raises AudioError for a damaged package.
    """
    names = []
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(
            ["dpkg-deb", "--fsys-tarfile", str(deb)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        assert process.stdout is not None  # it is a pipe
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                for member in archive:
                    if _plain(member) and Path(member.name).suffix.lower() in suffixes:
                        try:
                            archive.extract(member, folder, filter="data")
                        except tarfile.FilterError:
                            continue
                        names.append(os.path.normpath(member.name).lstrip("/"))
            while process.stdout.read(1 << 16):  # dpkg-deb would complain about a pipe closed early
                pass
            damage = ""
        except (tarfile.TarError, EOFError) as error:
            damage = str(error)
            process.kill()
        failed = process.wait() != 0
        errors.seek(0)
        said = " ".join(errors.read().decode("utf-8", "replace").split())
    if damage or failed:
        raise AudioError(f"{deb}: the package is damaged ({said or damage}); remove it to fetch it again")
    return sorted(set(names))


def _plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()
