"""`nac archive restore` and `nac archive export`."""

from __future__ import annotations

import os
import signal
import time

import bagit
import pytest

from nac_cli.archive.workers.choice import Workers
from tests.archive.test_restoring import FLAC
from tests.cli.conftest import PATIENCE, lines
from tests.helpers.libraries import SIDECARS, SOUNDS
from tests.helpers.pools import LocalPool
from tests.helpers.streams import damage_middle

FILES = len(SOUNDS) + len(SIDECARS)


@pytest.fixture
def restore(nac, archive, tmp_path, monkeypatch):
    """`nac archive restore` with its workers in this process."""
    from contextlib import contextmanager

    @contextmanager
    def at(self, work, tasks, visible=()):
        yield LocalPool(work)

    monkeypatch.setattr(Workers, "at", at)
    return lambda *args: nac("archive", "restore", archive, tmp_path / "back", "--device", "cpu", *args)


def files(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def test_everything_is_back_and_nothing_else(restore, tmp_path):
    result = restore()
    assert result.exit_code == 0, result.stderr
    assert files(tmp_path / "back") == {*FLAC.values(), *SIDECARS}
    assert "the usual name is taken: song.wav -> song.wav.flac" in result.stderr
    assert f"{FILES} files restored" in result.stderr
    again = restore()
    assert again.exit_code == 0 and f"0 files to restore, {FILES} there already" in again.stderr


def test_what_is_not_whole_is_told_and_the_exit_code_is_11(restore, archive, tmp_path):
    (archive / "a/take 1.nac").write_bytes(damage_middle((archive / "a/take 1.nac").read_bytes()))
    (archive / "song.wav.nac").unlink()
    (tmp_path / "back").mkdir()
    (tmp_path / "back/song.flac").write_bytes(b"mine")
    result = restore()
    assert result.exit_code == 11
    assert "Error: a/take 1.flac: damaged, what could be decoded was written: 0.00 s to 0.40 s is lost" in result.stderr
    assert "song.wav.nac: is gone from the archive" in result.stderr
    assert "Error: song.flac: already exists" in result.stderr
    assert f"{FILES - 3} files restored" in result.stderr and "1 in part, 1 failed, 1 in the way" in result.stderr
    assert "a/take 1.flac" in files(tmp_path / "back")
    records = {record.get("file"): record for record in lines(restore("--json"))}
    assert {name: records[name]["exit_code"] for name in ("song.flac", "song.wav.flac", "a/take 1.flac")} == {
        "song.flac": 9, "song.wav.flac": 3, "a/take 1.flac": 9,
    }  # fmt: skip
    assert records[None]["exit_code"] == 11


def test_chosen_files_in_another_format(restore, tmp_path):
    result = restore("--format", "wav", "--bits", 24, "--include", "*.wav", "--exclude", "b")
    assert result.exit_code == 0 and files(tmp_path / "back") == {"song.wav"}


def test_wrong_usage_writes_nothing(nac, restore, archive, tmp_path):
    assert restore("--bits", 32).exit_code == 2
    assert nac("archive", "restore", archive, archive / "inside").exit_code == 2
    assert nac("archive", "restore", tmp_path / "none", tmp_path / "back").exit_code == 2
    assert not (tmp_path / "back").exists() and not (archive / "inside").exists()


def test_after_a_kill_it_goes_on(process, nac, archive, tmp_path, restore):
    """The process that is killed works with real workers, who end with it."""
    back = tmp_path / "back"
    running = process("archive", "restore", archive, back, "--workers", 1, "--threads", 1, "--device", "cpu")
    end = time.monotonic() + PATIENCE
    while not files(back) - {".nac/lock"} and time.monotonic() < end:
        time.sleep(0.005)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert files(back) - {".nac/lock"}
    result = restore()
    for _ in range(1000):  # a worker lives on until it notices
        if result.exit_code != 2:
            break
        time.sleep(0.01)
        result = restore()
    assert result.exit_code == 0, result.stderr
    assert files(back) == {*FLAC.values(), *SIDECARS}


def test_export_makes_a_bag(nac, archive, tmp_path):
    result = nac("archive", "export", archive, tmp_path / "bag", "--bagit", "--info", "Contact-Name=Ada")
    assert result.exit_code == 0 and bagit.Bag(str(tmp_path / "bag")).validate()
    assert "b/50% ü.nac: is b/50_ ü.nac in the bag" in result.stderr
    assert nac("archive", "export", archive, tmp_path / "bag", "--bagit").exit_code == 9
    (record,) = lines(nac("archive", "export", archive, tmp_path / "other", "--bagit", "--json", "--copy"))
    assert (record["files"], record["linked"], record["exit_code"]) == (FILES + 1, 0, 0)


def test_export_of_a_damaged_archive(nac, archive, tmp_path):
    (archive / "a/cover.jpg").write_bytes(b"PICTURE")
    result = nac("archive", "export", archive, tmp_path / "bag", "--bagit")
    assert result.exit_code == 6 and not (tmp_path / "bag").exists()
    assert nac("archive", "export", archive, tmp_path / "bag").exit_code == 2
    assert nac("archive", "export", archive, tmp_path / "bag", "--bagit", "--info", "x").exit_code == 2
