"""`nac archive SRC DST` as a command, killed and run again."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import time

import pytest

from nac_cli.archive.journal import JOURNAL, read
from nac_cli.archive.places.folder import UNFINISHED, Folder
from tests.helpers.codecs import TINY
from tests.helpers.sounds import write_sound


@pytest.fixture
def library(tmp_path):
    root = tmp_path / "library"
    for number in range(4):
        folder = root / f"disc {number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        write_sound(folder / f"{number}.wav", seconds=0.3, channels=1)
    (root / "cover.jpg").write_bytes(b"\xff\xd8")
    return root


@pytest.fixture
def archive(nac, library, tmp_path):
    def archive(*args: object):
        return nac("archive", library, tmp_path / "small", "--model", TINY, "-q", 2, "--workers", 1, *args)

    return archive


def hashes(folder) -> dict[str, str]:
    paths = [found.path for found in Folder(folder).walk(lambda path, reason: None)]
    return {path: hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in paths}


def test_make_an_archive_and_bring_it_up_to_date(archive, library, tmp_path):
    result = archive()
    assert result.exit_code == 0, result.output
    assert "4 files to do" in result.stderr and "4 new" in result.stderr and not result.stdout
    assert "1 file without sound left out" in result.stderr
    assert sorted(hashes(tmp_path / "small")) == ["disc 0/0.nac", "disc 0/2.nac", "disc 1/1.nac", "disc 1/3.nac"]
    write_sound(library / "new.wav", seconds=0.3, channels=1)
    result = archive("--copy-others")
    assert result.exit_code == 0 and "2 files to do" in result.stderr and "4 done before" in result.stderr
    assert (tmp_path / "small" / "cover.jpg").exists()


def test_json_has_a_line_for_each_file_and_the_sums(archive, library):
    (library / "bad.wav").write_bytes(b"RIFF")
    result = archive("--json")
    assert result.exit_code == 11
    *files, sums, batch = map(json.loads, result.stdout.splitlines())
    assert {line["file"]: line["exit_code"] for line in files} == {
        "bad.wav": 3, "disc 0/0.wav": 0, "disc 0/2.wav": 0, "disc 1/1.wav": 0, "disc 1/3.wav": 0,
    }  # fmt: skip
    assert all(len(line["sha256"]) == 64 for line in files if line["exit_code"] == 0)
    assert (sums["done"], sums["failed"], sums["done_before"]) == (4, 1, 0)
    assert batch["exit_code"] == 11 and "1 of 5 files failed" in batch["error"]


def test_a_dry_run_writes_nothing(archive, library, tmp_path):
    (library / "bad.wav").write_bytes(b"RIFF")
    write_sound(library / "disc 0" / "0.flac", seconds=1.0, channels=2)
    result = archive("--dry-run", "--json")
    assert result.exit_code == 0 and not (tmp_path / "small").exists()
    (line,) = map(json.loads, result.stdout.splitlines())
    assert line["unreadable"] == ["bad.wav"] and line["seconds"] == pytest.approx(2.2)
    targets = {job["path"]: job["target"] for job in line["jobs"]}
    assert targets["disc 0/0.flac"] == "disc 0/0.flac.nac" and targets["disc 0/0.wav"] == "disc 0/0.wav.nac"
    result = archive("--dry-run")
    assert "the usual name is taken" in result.stderr and "bad.wav" in result.stderr
    assert "about 0:02.2 of sound" in result.stderr


def test_a_guess_is_near_the_truth(nac, library, tmp_path):
    write_sound(library / "long.wav", seconds=20.0, channels=2)
    args = (
        "archive",
        library,
        tmp_path / "small",
        "--model",
        TINY,
        "-b",
        "3k",
        "--include",
        "long.wav",
        "--json",
        "--workers",
        1,
    )
    guess = json.loads(nac(*args, "--dry-run").stdout)
    result = json.loads(nac(*args).stdout.splitlines()[-1])
    assert guess["bytes"] == pytest.approx(result["bytes"], rel=0.05)


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-b", "6k", "-q", 2), 2, "exclude"), (("-q", 60), 2, "1 to"), (("--model", "none"), 7, "no model"),
        (("--workers", 0), 2, "workers"), (("--entropy", "lm"), 2, "lm is not possible"),
    ],
)  # fmt: skip
def test_wrong_requests(nac, library, tmp_path, args, code, words):
    model = () if "--model" in args else ("--model", TINY)
    result = nac("archive", library, tmp_path / "small", *model, *args)
    assert result.exit_code == code and words in result.stderr, result.output
    assert not (tmp_path / "small").exists()


def test_places_that_make_no_sense(nac, library, tmp_path):
    result = nac("archive", tmp_path / "none", tmp_path / "small")
    assert result.exit_code == 3 and "none" in result.stderr
    result = nac("archive", library, library / "small")
    assert result.exit_code == 2 and "one inside the other" in result.stderr
    (tmp_path / "file").write_bytes(b"")
    assert nac("archive", library, tmp_path / "file").exit_code == 3


def test_files_in_the_way_are_refused_before_any_work(archive, tmp_path):
    (tmp_path / "small" / "disc 0").mkdir(parents=True)
    (tmp_path / "small" / "disc 0" / "2.nac").write_bytes(b"mine")
    result = archive()
    assert result.exit_code == 9 and "disc 0/2.nac" in result.stderr
    assert hashes(tmp_path / "small").keys() == {"disc 0/2.nac"}
    assert archive("--force").exit_code == 0


def test_listed_files(archive, tmp_path, nac, library):
    (tmp_path / "list").write_bytes(b"./disc 0/0.wav\ndisc 1/1.wav\n")
    assert archive("--files-from", tmp_path / "list").exit_code == 0
    assert sorted(hashes(tmp_path / "small")) == ["disc 0/0.nac", "disc 1/1.nac"]
    (tmp_path / "list").write_bytes(b"disc 0/2.wav\0")
    assert archive("--files-from", tmp_path / "list").exit_code == 0
    assert len(hashes(tmp_path / "small")) == 3
    (tmp_path / "list").write_bytes(b"../secret.wav\n")
    assert archive("--files-from", tmp_path / "list").exit_code == 2


def test_the_command_without_a_name_is_the_run(nac):
    assert "run" in nac("archive", "--help").stdout and "--dry-run" in nac("archive", "run", "--help").stdout
    assert nac("archive", "-q", 2).exit_code == 2


def test_killed_at_any_moment_nothing_is_lost(process, library, tmp_path, models):
    for number in range(4, 16):
        write_sound(library / f"{number}.wav", seconds=0.3, channels=1)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = ("archive", library, "TARGET", "--model", TINY, "-q", 2, "--workers", 1)

    def start(target):
        return process(*(target if word == "TARGET" else word for word in command), start_new_session=True)

    running = start(whole)
    running.communicate()
    assert running.returncode == 0
    span, chance = 0.15, random.Random(5)
    for _ in range(3):
        running = start(killed)
        deadline = time.monotonic() + 60
        lines = _lines(killed)
        while _lines(killed) == lines and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.002)  # it has begun to write
        time.sleep(chance.uniform(0, span))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        for path in hashes(killed):
            assert hashes(killed)[path] == hashes(whole)[path], "what has its name is whole"
    running = start(killed)
    running.communicate()
    assert running.returncode == 0
    assert hashes(killed) == hashes(whole) and not list((killed / UNFINISHED).iterdir())
    ledger, undisturbed = read(Folder(killed)), read(Folder(whole))
    assert {path: entry.sha256 for path, entry in ledger.last.items()} == {
        path: entry.sha256 for path, entry in undisturbed.last.items()
    }
    assert not ledger.crashes and ledger.unreadable <= 3


def _lines(archive) -> int:
    try:
        return (archive / JOURNAL).read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def test_interrupted_it_ends_at_once_and_cleanly(process, library, tmp_path):
    for number in range(4, 40):
        shutil.copy(library / "disc 0" / "0.wav", library / f"{number}.wav")
    running = process("archive", library, tmp_path / "small", "--model", TINY, "-q", 2, "--workers", 1)
    while _lines(tmp_path / "small") < 42 and running.poll() is None:
        time.sleep(0.002)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 130 and b"interrupted" in said and b"Traceback" not in said
    done = read(Folder(tmp_path / "small")).last
    assert 0 < len(done) < 40
