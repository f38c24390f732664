"""Files that change while they are read: a word about it, and never a mix that passes for the sound."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import nac_cli
from nac_cli.errors import AudioError
from tests.helpers.sounds import write_sound

SECONDS = 12.0


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 3)


def grow(path: Path) -> None:
    """As a recorder does."""
    with open(path, "ab") as file:
        file.write(bytes(50_000))


def overwrite(path: Path) -> None:
    """Another sound of the same size, in place."""
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.seek(size // 3)
        file.write(np.random.default_rng(0).bytes(size // 2))


def replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b"no sound")
    other.replace(path)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".aiff"])
@pytest.mark.parametrize("change", [shorten, grow, overwrite, replace, Path.unlink])
def test_it_is_told(tmp_path, tiny, suffix, change):
    path = write_sound(tmp_path / f"song{suffix}", SECONDS)
    size, seen = path.stat().st_size, []

    def progress(done: float, whole: float | None) -> None:
        if not seen:
            change(path)
        seen.append(done)

    try:
        report = nac_cli.compress(path, tmp_path / "song.nac", model=tiny, planes=1, device="cpu", progress=progress)
    except AudioError:
        return
    assert any("changed while it was read" in message for message in report.messages)
    assert report.source_bytes == size and nac_cli.verify(tmp_path / "song.nac", "structure").sound


def test_nothing_is_told_of_a_file_that_stays(tmp_path, tiny):
    path = write_sound(tmp_path / "song.wav", 0.5)
    assert not nac_cli.compress(path, tmp_path / "song.nac", model=tiny, planes=1, device="cpu").messages


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_may_change(tmp_path, tiny):
    from threading import Thread

    data = write_sound(tmp_path / "song.wav", 0.5).read_bytes()
    os.mkfifo(tmp_path / "pipe")
    writer = Thread(target=(tmp_path / "pipe").write_bytes, args=(data,))
    writer.start()
    report = nac_cli.compress(tmp_path / "pipe", tmp_path / "song.nac", model=tiny, planes=1, device="cpu")
    writer.join()
    assert not report.messages and report.num_samples == 22_050
