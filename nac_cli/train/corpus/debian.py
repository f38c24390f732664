"""Fetching Debian packages and unpacking single kinds of files from them. Nothing is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path

from nac_cli.errors import AudioError, UsageError

PARTIAL = "partial"
ZIPS = frozenset({".zip", ".pk3", ".orgue"})
"""Suffixes of ZIP archives in which games, and GrandOrgue, keep their sounds."""


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

    A ZIP archive in the package counts as a folder. Links, devices and members that lead out of the folder are passed
    over. Raises AudioError for a damaged package.
    """
    names: list[str] = []
    zips: list[str] = []
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
                    suffix = Path(member.name).suffix.lower()
                    if _plain(member) and (suffix in suffixes or suffix in ZIPS):
                        try:
                            archive.extract(member, folder, filter="data")
                        except tarfile.FilterError:
                            continue
                        (zips if suffix in ZIPS else names).append(os.path.normpath(member.name).lstrip("/"))
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
    for name in zips:
        names += _unpack_zip(folder / name, name, suffixes)
    return sorted(set(names))


def _unpack_zip(path: Path, name: str, suffixes: Collection[str]) -> list[str]:
    """Replace the ZIP archive `path`, called `name` in its package, by a folder of its files with such suffixes; their
    paths, which begin with `name`. One that cannot be read has none. `zipfile` keeps every member within the folder."""
    packed = path.rename(path.with_name(path.name + ".packed"))
    found = []
    try:
        with zipfile.ZipFile(packed) as archive:
            for member in archive.infolist():
                if not member.is_dir() and Path(member.filename).suffix.lower() in suffixes:
                    inside = Path(archive.extract(member, path)).relative_to(path)
                    found.append(f"{name}/{inside.as_posix()}")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError):
        pass
    finally:
        packed.unlink()
    return found


def _plain(member: tarfile.TarInfo) -> bool:
    return member.isreg() and not member.issparse()
