"""Debian packages made by hand, and an apt-get that hands them out."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import soundfile

APT_GET = """#!/bin/sh
# apt-get download -qq NAME: copies NAME_1_all.deb from the mirror, or fails as apt-get does
for name; do :; done
echo "$name" >> "{log}"
cp "{mirror}/${{name}}_1_all.deb" . 2>/dev/null && exit 0
echo "E: Unable to locate package $name" >&2
exit 100
"""


def sound_bytes(seconds: float, rate: int = 44_100, seed: int = 0) -> bytes:
    """A FLAC file of noise, which is full-band where the rate allows it."""
    file = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, round(seconds * rate)).clip(-1, 1)
    soundfile.write(file, noise, rate, format="FLAC")
    return file.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def write_deb(path: Path, members: list[tuple[tarfile.TarInfo | str, bytes]]) -> Path:
    """A .deb: an ar archive of a version, control data and the files."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for info, content in members:
            info = member(info) if isinstance(info, str) else info
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    control = io.BytesIO()
    with tarfile.open(fileobj=control, mode="w") as archive:
        text = f"Package: {path.name.split('_')[0]}\nVersion: 1\nArchitecture: all\n".encode()
        info = tarfile.TarInfo("./control")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    parts = {"debian-binary": b"2.0\n", "control.tar": control.getvalue(), "data.tar": data.getvalue()}
    with open(path, "wb") as file:
        file.write(b"!<arch>\n")
        for name, content in parts.items():
            file.write(f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(content):<10}`\n".encode())
            file.write(content + b"\n" * (len(content) % 2))
    return path


def install_apt_get(folder: Path, mirror: Path) -> Path:
    """An apt-get in `folder`; the file that logs what it was asked for."""
    folder.mkdir(exist_ok=True)
    tool, log = folder / "apt-get", folder / "log"
    tool.write_text(APT_GET.format(mirror=mirror, log=log))
    tool.chmod(0o755)
    return log
