"""A file is replaced whole and sound, or not at all."""

from __future__ import annotations

import io
import os
import stat
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import nac_cli
from nac_cli.container import editor
from nac_cli.errors import AudioError, CorruptStream, LimitExceeded, NacError, UnsupportedStream
from tests.container.streams import PICTURE, TAGS, Pipe, block, flip, insert, small_stream
from tests.helpers.tagging import COVER, changes, rest_of, tagged, tags_of, titled

GOLDEN = Path(__file__).parents[1] / "container" / "golden"
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")


@pytest.fixture
def path(tmp_path):
    (tmp_path / "song.nac").write_bytes(small_stream(padding=100))
    return tmp_path / "song.nac"


@pytest.mark.parametrize(
    "wanted",
    [titled("Étude"), changes(remove=("NONE", "ARTIST=other")), changes(picture=PICTURE), changes(), None,
     changes(set=(("artist", "nac"), ("ARTIST", "")))],
)  # fmt: skip
def test_what_changes_nothing_leaves_the_file_alone(path, wanted):
    before = path.stat()
    assert not nac_cli.tag(path, wanted).changed
    after = path.stat()
    assert all(getattr(before, field) == getattr(after, field) for field in ("st_ino", "st_mtime_ns", "st_ctime_ns"))


@posix
def test_permissions_stay_and_the_time_is_new(path):
    os.utime(path, (1, 1))
    os.chmod(path, 0o640)
    nac_cli.tag(path, titled("x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and path.stat().st_mtime > 1e9
    if os.geteuid() == 0:
        os.chown(path, 1234, 5678)
        nac_cli.tag(path, titled("y"))
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)


@posix
def test_a_link_stays_one(path, tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.nac"
    link.symlink_to("../song.nac")
    nac_cli.tag(link, titled("x"))
    assert link.is_symlink() and tags_of(path.read_bytes()).values("TITLE") == ("x",)


@posix
def test_the_longest_of_names(path):
    long = path.rename(path.with_name("n" * 251 + ".nac"))
    nac_cli.tag(long, titled("x"))
    assert tags_of(long.read_bytes()).values("TITLE") == ("x",) and list(path.parent.iterdir()) == [long]


@posix
def test_write_protected_files_and_folders_are_refused(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may always write
    with pytest.raises(AudioError, match="write-protected"):
        nac_cli.tag(path, titled("x"))
    with pytest.raises(AudioError):
        nac_cli.tag(path.parent, titled("x"))
    assert path.read_bytes() == before


def test_damage_is_refused_and_the_file_stays(path):
    data = path.read_bytes()
    for damaged in (data[:-1], data + b"x", flip(data, data.index(b"CHNK") + 15), data[:-30], flip(data, 30)):
        path.write_bytes(damaged)
        with pytest.raises(CorruptStream, match="song.nac.*not changed"):
            nac_cli.tag(path, titled("x"))
        assert path.read_bytes() == damaged and list(path.parent.iterdir()) == [path]


def test_every_flip_and_every_cut_is_noticed():
    data = small_stream(padding=20)
    minor_version = 9
    damaged = [flip(data, byte, byte % 8) for byte in range(len(data)) if byte != minor_version]
    for one in damaged + [data[:size] for size in range(len(data))]:
        with pytest.raises(NacError):
            nac_cli.tag(io.BytesIO(one), titled("x"), out := io.BytesIO())
        assert out.getvalue() == b""


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.nac")), ids=lambda path: path.stem)
def test_golden_files(path):
    data, kind = path.read_bytes(), path.name.partition("-")[0]
    if kind == "good" or path.stem == "bad-tokens":  # whose blocks are sound
        after = tagged(data, titled("x"))
        assert rest_of(after) == rest_of(data) and tags_of(after).values("TITLE") == ("x",)
        return
    with pytest.raises(UnsupportedStream if kind == "unsupported" else (CorruptStream, LimitExceeded)):
        tagged(data, titled("x"))


def test_tags_of_a_damaged_file_can_be_read(path):
    path.write_bytes(flip(path.read_bytes(), path.read_bytes().index(b"CHNK") + 15))
    report = nac_cli.tag(path)
    assert report.tags == TAGS and len(report.damage) == 1


def test_unsupported_files_are_refused(path):
    data = path.read_bytes()
    for other in (insert(data, b"CHNK", block(b"NewT", b"")), data.replace(b"\n\x01\0", b"\n\x02\0", 1), b"RIFF"):
        path.write_bytes(other)
        with pytest.raises(UnsupportedStream):
            nac_cli.tag(path, titled("x"))
        assert path.read_bytes() == other
    with pytest.raises(AudioError, match="none.nac"):
        nac_cli.tag(path.with_name("none.nac"), titled("x"))


def test_a_newer_minor_version_stays():
    data = small_stream().replace(b"\n\x01\0", b"\n\x01\x07", 1)
    assert rest_of(tagged(data, titled("x"))) == rest_of(data)


def test_limits_hold_before_anything_is_written(path, monkeypatch):
    before = path.read_bytes()
    too_much = [
        changes(add=(("A", "x"),) * 4094), titled("x" * 2**20), changes(picture=replace(COVER, data=bytes(2**24))),
    ]  # fmt: skip
    monkeypatch.setattr("nac_cli.pipelines.tag.open_replacement", None)
    for wanted in too_much:
        with pytest.raises(LimitExceeded):
            nac_cli.tag(path, wanted)
        out = io.BytesIO()
        with pytest.raises(LimitExceeded):
            nac_cli.tag(Pipe(before), wanted, out)
        assert out.getvalue() == b""
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_the_number_of_blocks_has_a_limit(monkeypatch):
    for module in ("editor", "reader"):
        monkeypatch.setattr(f"nac_cli.container.{module}.MAX_OTHER_BLOCKS", 20)
    bare = small_stream(tags=None, padding=0, digest=None)
    unknown = block(b"newT", b"") * 19
    at = bare.index(b"CHNK")
    data = bare[:at] + unknown + bare[at:]
    with pytest.raises(LimitExceeded, match="20 blocks"):
        tagged(data, titled("x"))  # needs padding, too
    roomy = data.replace(block(b"newT", b""), block(b"padd", bytes(50)), 1)
    assert tags_of(tagged(roomy, titled("x" * 42))).values("TITLE") == ("x" * 42,), "in the very place of the padding"


def test_a_failure_while_writing_leaves_the_old_file(path, monkeypatch):
    before, calls = path.read_bytes(), []

    def failing(error):
        def copy(self, extent, target):
            calls.append(extent)
            if extent.kind == "CHNK":
                raise error
            target.write(b"half")

        return copy

    for error, seen in ((OSError(28, "No space left on device"), AudioError), (KeyboardInterrupt(), KeyboardInterrupt)):
        monkeypatch.setattr(editor.ContainerEditor, "_copy", failing(error))
        with pytest.raises(seen):
            nac_cli.tag(path, titled("x"))
        assert calls and path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@posix
def test_a_kill_while_writing_leaves_the_old_file(path):
    before = path.read_bytes()
    if (child := os.fork()) == 0:

        def die(self, extent, target):
            if extent.kind == "INDX":
                target.flush()
                os._exit(9)
            target.write(bytes(extent.size))

        editor.ContainerEditor._copy = die
        try:
            nac_cli.tag(path, titled("x"))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == before
    for left in path.parent.glob(".*.part"):
        left.unlink()
    nac_cli.tag(path, titled("x"))
    assert tags_of(path.read_bytes()).values("TITLE") == ("x",)


def test_a_file_that_shrinks_meanwhile_is_no_excuse_for_a_short_one(path):
    class Shrinking(io.BytesIO):
        gone = False

        def read(self, size=-1):
            return b"" if self.gone else super().read(size)

    file = Shrinking(path.read_bytes())
    edited = editor.ContainerEditor(file)
    file.gone = True
    with pytest.raises(CorruptStream, match="shorter"):
        edited.write(io.BytesIO())
