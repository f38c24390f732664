"""Outputs take their place whole or not at all, and what is no regular file is written into."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading

import pytest

from nac_cli import files
from nac_cli.errors import AudioError, OutputExists

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def write(path, data=b"new", force=False):
    with files.atomic_path(path, force) as beside:
        beside.write_bytes(data)


def test_sha256_of(tmp_path):
    data = os.urandom(files.READ_BYTES + 17)
    (tmp_path / "x").write_bytes(data)
    assert files.sha256_of(tmp_path / "x") == hashlib.sha256(data).digest()


@pytest.mark.parametrize("name", ["out", "ü" * 127])
def test_a_file_takes_its_place_and_leaves_nothing_beside(tmp_path, name):
    write(tmp_path / name)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"new"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_what_fails(tmp_path, error):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    with pytest.raises(error), files.atomic_path(path, force=True) as beside:
        beside.write_bytes(b"half")
        raise error
    assert os.listdir(tmp_path) == ["out"] and path.read_bytes() == b"old"


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "out"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(AudioError, match="out: cannot be written .No space left"):
        write(path, force=True)
    assert os.listdir(tmp_path) == ["out"] and path.read_bytes() == b"old"


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_what_appears_meanwhile_is_not_overwritten(tmp_path, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", lambda *names: (_ for _ in ()).throw(PermissionError(errno.EPERM, "no links")))
    path = tmp_path / "out"
    write(path, b"first")
    path.unlink()
    with pytest.raises(OutputExists), files.atomic_path(path, force=False) as beside:
        beside.write_bytes(b"mine")
        path.write_bytes(b"theirs")
    assert os.listdir(tmp_path) == ["out"] and path.read_bytes() == b"theirs"
    path.unlink()
    write(path, b"mine")
    assert os.listdir(tmp_path) == ["out"] and path.read_bytes() == b"mine"


def test_two_writers_of_one_path_do_not_meet(tmp_path):
    path = tmp_path / "out"
    with files.atomic_path(path, force=True) as first, files.atomic_path(path, force=True) as second:
        first.write_bytes(b"first")
        second.write_bytes(b"second")
    assert path.read_bytes() == b"first"


@posix
def test_permissions_survive_and_nobody_reads_the_new_file_before(tmp_path):
    path = tmp_path / "out"
    path.write_bytes(b"old")
    path.chmod(0o640)
    os.utime(path, (1, 1))
    with files.atomic_path(path, force=True) as beside:
        beside.write_bytes(b"new")
        assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and path.stat().st_mtime > 1


@posix
def test_a_new_file_has_the_permissions_of_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "out")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o640


@posix
@pytest.mark.parametrize("there", [True, False], ids=["to a file", "to nothing"])
def test_a_symbolic_link_stays(tmp_path, there):
    (tmp_path / "folder").mkdir()
    real, link = tmp_path / "folder" / "real", tmp_path / "link"
    link.symlink_to("folder/real")
    if there:
        real.write_bytes(b"old")
        with pytest.raises(OutputExists):
            write(link)
    write(link, force=there)
    assert link.is_symlink() and real.read_bytes() == b"new" and os.listdir(tmp_path / "folder") == ["real"]


@posix
@pytest.mark.parametrize("force", [True, False])
def test_a_pipe_is_written_into(tmp_path, force):
    path, heard = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: heard.append(path.read_bytes()))
    reader.start()
    write(path, force=force)
    reader.join()
    assert heard == [b"new"] and stat.S_ISFIFO(path.stat().st_mode) and os.listdir(tmp_path) == ["pipe"]


@posix
def test_a_device_is_written_into(tmp_path):
    before = os.stat(os.devnull).st_rdev
    write(files.Path(os.devnull))
    assert os.stat(os.devnull).st_rdev == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_device_is_an_error():
    with pytest.raises(AudioError, match="/dev/full: cannot be written"):
        write(files.Path("/dev/full"))


@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="needs /dev/stdout")
@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1"])
def test_a_descriptor_is_written_into_and_not_emptied(tmp_path, name):
    code = f"from tests.test_files import write, files; write(files.Path({name!r}))"
    (tmp_path / "log").write_bytes(b"before ")
    inode = (tmp_path / "log").stat().st_ino
    with open(tmp_path / "log", "ab") as log:
        subprocess.run([sys.executable, "-c", code], stdout=log, check=True)
    assert (tmp_path / "log").read_bytes() == b"before new" and (tmp_path / "log").stat().st_ino == inode


def test_a_folder_comes_whole_or_not_at_all(tmp_path):
    with pytest.raises(ValueError), files.new_folder(tmp_path / "bag") as beside:
        (beside / "half").write_bytes(b"x")
        raise ValueError
    assert os.listdir(tmp_path) == []
    with files.new_folder(tmp_path / "bag") as beside:
        (beside / "whole").write_bytes(b"x")
    assert os.listdir(tmp_path) == ["bag"] and os.listdir(tmp_path / "bag") == ["whole"]
