"""How far a run is, in words and in a terminal."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from nac_cli.archive.journal import Crashed, Done, Failed
from nac_cli.archive.places.place import Found
from nac_cli.archive.plan import Job
from nac_cli.archive.workers.pool import Progressed
from nac_cli.cli.archive.progress import Progress
from tests.cli.conftest import ROOT
from tests.helpers.codecs import TINY
from tests.helpers.sounds import write_sound


def job(path: str, size: int = 100) -> Job:
    return Job(Found(path, size, 0), f"{path}.nac", True, "new")


def done(path: str, seconds: int) -> Done:
    return Done(path, path, 100, 0, None, "", 8000 * seconds, 8000, 1, 7, "", "m", "i", None, "s", 0.1, (), "t")


@pytest.fixture
def progress(monkeypatch) -> Progress:
    monkeypatch.setattr(Progress, "elapsed", 10.0)
    return Progress(files=4, bytes=400)


def test_nothing_is_promised_before_anything_is_done(progress):
    assert progress.words() == "0 of 4 files, 0.0x real time, 0 bytes -> 0 bytes"


def test_what_is_done_and_what_is_left(progress):
    progress.add(job("a"), done("a", 300))
    assert progress.words() == "1 of 4 files, 30.0x real time, 100 bytes -> 7 bytes, about 0:30 left"
    progress.add(job("b"), Failed("b", "b", 100, 0, "s", "no", 3, "t"))
    assert "2 of 4 files" in progress.words() and "1 failed" in progress.words() and "0:10 left" in progress.words()


def test_files_that_are_being_read_count_in_part(progress):
    progress.add(job("a"), Progressed(0, 0, 50.0, 100.0))
    assert progress.bytes_reached == 25 and progress.speed == 2.5
    progress.add(job("a"), Progressed(0, 0, 100.0, None))
    assert progress.bytes_reached == 50
    progress.add(job("a"), Crashed("a", "a", 100, 0, False, "killed", "t"))
    assert progress.bytes_reached == 0 and progress.files_done == 0


def test_a_terminal_sees_all_files_and_those_of_the_workers(tmp_path, models):
    for number in range(3):
        (tmp_path / "music").mkdir(exist_ok=True)
        write_sound(tmp_path / "music" / f"song {number}.wav", seconds=0.5, channels=2)
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "nac_cli",
        "archive",
        "music",
        "small",
        "--model",
        TINY,
        "-q",
        "2",
        "--workers",
        "1",
    ]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT), "NAC_MODELS": str(models), "TERM": "xterm", "COLUMNS": "200", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    running = subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE, cwd=tmp_path, env=environment)
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
    assert running.communicate() == (b"", None) and running.returncode == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.decode())
    assert "of 3 files" in text and "song 0.wav" in text and "song 2.wav" in text and "compressed" in text
