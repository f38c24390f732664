from __future__ import annotations

import io
import os
import shutil
import sys

import mutagen.flac
import pytest

import nac_cli
from nac_cli.container import ContainerReader
from nac_cli.values import Picture
from tests.cli.conftest import PATIENCE, lines
from tests.container.streams import Pipe
from tests.helpers.pictures import PNG, png
from tests.helpers.sounds import write_sound

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX pipes and terminals")


@pytest.fixture
def cover(tmp_path):
    (tmp_path / "cover.png").write_bytes(PNG)
    return tmp_path / "cover.png"


def test_set_add_remove_and_list(nac, nac_file):
    result = nac("tag", nac_file, "--set", "TITLE=Étude = ♪", "--add", "ARTIST=Ann", "--add", "artist=Bob")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "" and "3 tags, 0 pictures" in result.stderr
    assert nac("tag", nac_file).stdout == "TITLE=Étude = ♪\nARTIST=Ann\nartist=Bob\n"
    result = nac("tag", nac_file, "--remove", "Artist=Ann", "--set", "title=x", "--list")
    assert result.stdout == "TITLE=x\nartist=Bob\n"
    assert nac("tag", nac_file, "--clear", "--list").stdout == ""
    assert nac("verify", nac_file).exit_code == 0


def test_nothing_to_change_is_said_and_done(nac, nac_file):
    nac("tag", nac_file, "--set", "A=1")
    before = nac_file.stat()
    result = nac("tag", nac_file, "--set", "a=1", "--remove", "B")
    assert result.exit_code == 0 and "nothing to change" in result.stderr
    assert nac_file.stat().st_mtime_ns == before.st_mtime_ns and nac_file.stat().st_ino == before.st_ino
    assert nac("tag", nac_file, "--set", "a=2", "--quiet").stderr == ""


def test_a_line_for_each_tag_whatever_it_holds(nac, nac_file):
    nac("tag", nac_file, "--set", "LYRICS=one\ntwo", "--add", "EVIL=\x1b]0;owned\x07", "--add", "#=\\")
    shown = nac("tag", nac_file).stdout
    assert shown == "LYRICS=one\\ntwo\nEVIL=\\x1b]0;owned\\x07\n\\x23=\\\\\n"


def test_what_list_prints_can_be_imported(nac, nac_file, cover, tmp_path):
    nac("tag", nac_file, "--set", "LYRICS=one\ntwo", "--add", "A= é\\", "--picture", cover)
    shown = nac("tag", nac_file).stdout
    (tmp_path / "tags.txt").write_text("\ufeff" + shown, encoding="utf-8")
    nac("tag", nac_file, "--set", "LYRICS=gone", "--add", "B=2")
    assert nac("tag", nac_file, "--clear", "--import", tmp_path / "tags.txt", "--list").stdout == shown
    assert nac("tag", nac_file, "--clear", "--import", "-", "--list", input=b"A=1\r\n# x\n").stdout.startswith("A=1\n#")
    (tmp_path / "bad.txt").write_bytes(b"A=\xff")
    assert "UTF-8" in nac("tag", nac_file, "--import", tmp_path / "bad.txt").stderr
    (tmp_path / "bad.txt").write_bytes(b"A=1\nno tag\n")
    result = nac("tag", nac_file, "--import", tmp_path / "bad.txt")
    assert result.exit_code == 2 and "line 2" in result.stderr
    assert nac("tag", nac_file, "--import", tmp_path / "none.txt").exit_code == 3


def test_a_picture_in_and_out_again(nac, nac_file, cover, tmp_path):
    assert nac("tag", nac_file, "--picture", cover).exit_code == 0
    assert nac("tag", nac_file).stdout == f"# front cover, image/png, 3x2, {len(PNG)} bytes\n"
    assert nac("tag", nac_file, "--save-picture", tmp_path / "out.png").exit_code == 0
    assert (tmp_path / "out.png").read_bytes() == PNG
    cover.write_bytes(png(40, 30))
    nac("tag", nac_file, "--picture", cover)
    result = nac("tag", nac_file, "--save-picture", tmp_path / "out.png")
    assert result.exit_code == 9 and (tmp_path / "out.png").read_bytes() == PNG
    assert nac("tag", nac_file, "--save-picture", tmp_path / "out.png", "-f").exit_code == 0
    assert (tmp_path / "out.png").read_bytes() == png(40, 30)
    assert nac("tag", nac_file, "--save-picture", "-").stdout_bytes == png(40, 30)
    nac("tag", nac_file, "--remove-pictures")
    result = nac("tag", nac_file, "--save-picture", tmp_path / "none.png")
    assert result.exit_code == 2 and "no picture" in result.stderr and not (tmp_path / "none.png").exists()


def test_tags_and_picture_reach_a_flac(nac, nac_file, cover, tmp_path):
    nac("tag", nac_file, "--set", "TITLE=Étude", "--add", "ARTIST=Ann", "--add", "ARTIST=Bob", "--picture", cover)
    assert nac("decompress", nac_file, "-o", tmp_path / "back.flac", "--end", 1).exit_code == 0
    flac = mutagen.flac.FLAC(tmp_path / "back.flac")
    assert flac["title"] == ["Étude"] and flac["artist"] == ["Ann", "Bob"]
    (picture,) = flac.pictures
    assert (picture.type, picture.mime, picture.width, picture.height, picture.data) == (3, "image/png", 3, 2, PNG)


def test_tags_of_the_source_fit_in_place(nac, compress, tmp_path):
    compress(write_sound(tmp_path / "song.flac", seconds=0.3, title="A title"), "-q", 1)
    size = (tmp_path / "song.nac").stat().st_size
    nac("tag", tmp_path / "song.nac", "--set", "TITLE=Another, longer title", "--add", "ARTIST=x" + "y" * 400)
    assert (tmp_path / "song.nac").stat().st_size == size
    assert nac_cli.info(tmp_path / "song.nac").tags.values("title") == ("Another, longer title",)


def test_many_with_one_bad(nac, nac_file, damaged_file, tmp_path):
    other, damaged = shutil.copy(nac_file, tmp_path / "other.nac"), damaged_file.read_bytes()
    result = nac("tag", nac_file, damaged_file, tmp_path / "none.nac", other, "--set", "ALBUM=x", "--json")
    assert result.exit_code == 11
    first, second, third, last, whole = lines(result)
    assert [record["exit_code"] for record in (first, second, third, last)] == [0, 6, 3, 0]
    assert first["changed"] and first["file_bytes"] == nac_file.stat().st_size and first["tags"] == [["ALBUM", "x"]]
    assert str(damaged_file) in second["error"] and "not changed" in second["error"]
    assert damaged_file.read_bytes() == damaged
    result = nac("tag", nac_file, other)
    assert result.stdout == f"# {nac_file}\nALBUM=x\n# {other}\nALBUM=x\n"


def test_json(nac, nac_file, cover):
    nac("tag", nac_file, "--set", "A=one\ntwo", "--picture", cover)
    (record,) = lines(nac("tag", nac_file, "--json"))
    size = nac_file.stat().st_size
    assert record == {
        "file": str(nac_file), "changed": False, "source_bytes": size, "file_bytes": size, "damage": [], "exit_code": 0,
        "tags": [["A", "one\ntwo"]],
        "pictures": [
            {"type": 3, "mime": "image/png", "description": "", "width": 3, "height": 2, "depth": 24, "colours": 0,
             "bytes": len(PNG)},
        ],
    }  # fmt: skip


def test_tags_of_a_damaged_file_are_listed_and_the_code_says_so(nac, nac_file):
    nac("tag", nac_file, "--set", "A=1")
    data = bytearray(nac_file.read_bytes())
    data[-100] ^= 1
    nac_file.write_bytes(data)
    result = nac("tag", nac_file)
    assert result.exit_code == 6 and result.stdout == "A=1\n" and "damaged" in result.stderr
    assert nac("tag", nac_file, "--set", "A=2").exit_code == 6
    assert nac_file.read_bytes() == data


def test_exit_codes(nac, nac_file, wav, cover, tmp_path):
    before = nac_file.read_bytes()
    (tmp_path / "text.png").write_text("no picture")
    for code, *args in (
        (2, "--set", "TITLE"), (2, "--set", "=x"), (2, "--set", "Ä=x"), (2, "--remove", "~"), (2, "--add", "A=\udcff"),
        (2, "--save-picture", "x.png", "--set", "A=1"), (2, "--save-picture", "x.png", "--list"),
        (2, "--save-picture", "-", "--json"), (3, "--picture", tmp_path / "none.png"),
        (3, "--picture", tmp_path / "text.png"), (10, "--set", "A=" + "x" * 2**20),
    ):  # fmt: skip
        result = nac("tag", nac_file, *args)
        assert result.exit_code == code, (args, result.output)
    assert nac_file.read_bytes() == before
    assert nac("tag", nac_file, nac_file, "--set", "Ä=x").exit_code == 2, "found before any work"
    assert nac("tag", nac_file, nac_file, "--save-picture", "x.png").exit_code == 2
    assert nac("tag", wav).exit_code == nac("tag", wav, "--set", "A=1").exit_code == 5
    assert nac("tag", tmp_path / "none.nac", "--set", "A=1").exit_code == 3
    assert nac("tag", tmp_path, "--set", "A=1").exit_code == 3
    assert nac("tag").exit_code == 2


def test_a_pipe(nac, long_stream, nac_file):
    result = nac("tag", "-", "--set", "TITLE=x", input=long_stream)
    assert result.exit_code == 0 and "1 tag" in result.stderr
    nac("tag", nac_file, "--set", "TITLE=x")
    assert result.stdout_bytes == nac_file.read_bytes()
    assert nac("tag", "-", input=result.stdout_bytes).stdout == "TITLE=x\n"
    for args in (["-", "--set", "A=1", "--json"], ["-", "--set", "A=1", "--list"], ["-", nac_file, "--set", "A=1"],
                 ["-", "-"], ["-", "--import", "-"]):  # fmt: skip
        assert nac("tag", *args, input=long_stream).exit_code == 2, args
    damaged = nac("tag", "-", "--set", "A=1", input=long_stream[:-1])
    assert damaged.exit_code == 6 and damaged.stdout_bytes == b""


@posix
def test_a_real_pipe_and_a_terminal(process, long_stream):
    running = process("tag", "-", "--add", "A=1")
    output, error = running.communicate(long_stream, timeout=PATIENCE)
    assert running.returncode == 0, error
    assert ContainerReader(Pipe(output), strict=True).tags.items == (("A", "1"),)
    terminal, end = os.openpty()
    for args in (["-", "--set", "A=1"], ["-"]):
        running = process("tag", *args, stdin=end, stdout=end)
        assert running.wait(timeout=PATIENCE) == 2
        assert b"terminal" in running.stderr.read()
    os.close(terminal)
    os.close(end)


def test_no_model_is_needed(nac, nac_file, monkeypatch, tmp_path):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path / "nowhere"))
    assert nac("tag", nac_file, "--set", "A=1", "--list").stdout == "A=1\n"


def test_other_pictures_are_described_and_the_front_cover_is_the_one_to_save(nac, nac_file, cover):
    picture = Picture(7, "image/jpeg", "on\nstage", 0, 0, 0, 0, b"x" * 2000)
    nac_cli.tag(nac_file, nac_cli.TagChanges(picture=picture))
    assert nac("tag", nac_file).stdout == '# picture of type 7, image/jpeg, 2.0 kB, "on\\nstage"\n'
    assert nac("tag", nac_file, "--save-picture", "-").stdout_bytes == picture.data
    assert nac_cli.tag(io.BytesIO(nac_file.read_bytes())).tags.pictures == (picture,)
    nac("tag", nac_file, "--remove-pictures", "--picture", cover)
    nac_cli.tag(nac_file, nac_cli.TagChanges(picture=picture))
    assert nac_cli.tag(nac_file).tags.pictures[0] == picture
    assert nac("tag", nac_file, "--save-picture", "-").stdout_bytes == PNG
