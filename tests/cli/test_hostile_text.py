"""Names, tags and models of strangers reach people as text: they drive no terminal, turn no line round, begin none."""

from __future__ import annotations

import io
import json
import sys

import pytest

import nac_cli
from nac_cli.container import ContainerReader, ContainerWriter
from nac_cli.values import Picture, Tags
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY
from tests.helpers.pictures import PNG
from tests.helpers.sounds import write_sound
from tests.helpers.streams import with_codec

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="such names cannot be")

HOSTILE = "a\x1b]0;owned\x07\x9b31m\nb\r\u202egnp\u2066\u200e\u2028c<script>alert(1)</script>"
HARMFUL = "\x1b\x07\x9b\r\u202e\u2066\u200e\u2028"


def require_harmless(result, *, count: int | None = None) -> None:
    """All that was printed is text; `count` lines on stdout, if that is given."""
    for stream in (result.stdout, result.stderr):
        assert not set(stream) & set(HARMFUL), repr(stream)
    assert "a bug in nac" not in result.stderr
    if count is not None:
        assert len(result.stdout.split("\n")) - 1 == count


@pytest.fixture
def hostile(tmp_path):
    """A folder with a sound of a hostile name and tags, and one that is none."""
    folder = tmp_path / f"{HOSTILE}".replace("/", "")
    folder.mkdir()
    write_sound(folder / f"{HOSTILE.replace('/', '')}.flac", 0.3, title=HOSTILE)
    (folder / f"bad{HOSTILE.replace('/', '')}.wav").write_bytes(b"no sound")
    return folder


def test_names_through_all_commands(nac, compress, hostile, tmp_path):
    sound, bad = sorted(hostile.iterdir(), reverse=False)
    out = tmp_path / f"{HOSTILE.replace('/', '')}.nac"
    require_harmless(compress(sound, "-q", 1, "-o", out), count=0)
    require_harmless(compress(bad, "-q", 1))
    require_harmless(compress(sound, "-q", 1, "-o", out))
    for command in (["info"], ["tag"], ["verify"], ["decompress", "-f"], ["recode", "--entropy", "packed", "-f"]):
        for more in ([], ["--json"], ["--device", "cpu"] if command[0] in ("verify", "decompress", "recode") else []):
            target = ["-o", tmp_path / "again.nac"] if command[0] == "recode" else []
            require_harmless(nac(command[0], out, *command[1:], *more, *target))
    missing = nac("info", f"{out}{HOSTILE}")
    require_harmless(missing)
    assert missing.exit_code == 3
    (record,) = lines(nac("info", out, "--json"))
    assert record["file"] == str(out)


def test_names_through_an_archive(nac, hostile, tmp_path, models):
    archive, back = tmp_path / "archive", tmp_path / "back"
    for arguments in (
        ["run", hostile, archive, "--model", TINY, "-q", 1, "--entropy", "packed", "--workers", 1, "--dry-run"],
        ["run", hostile, archive, "--model", TINY, "-q", 1, "--entropy", "packed", "--workers", 1],
        ["status", archive],
        ["verify", archive, "--workers", 1],
        ["restore", archive, back, "--workers", 1],
    ):
        require_harmless(nac("archive", *arguments))
    assert [path.suffix for path in back.rglob("*") if path.is_file()] == [".flac"]


def test_tags_and_pictures(nac, nac_file):
    picture = Picture(3, "image/<b>", HOSTILE, 3, 2, 24, 0, PNG)
    data = nac_file.read_bytes()
    nac_cli.tag(io.BytesIO(data), nac_cli.TagChanges(set=(("TITLE", HOSTILE), ("X<i>", HOSTILE))), out := io.BytesIO())
    nac_file.write_bytes(out.getvalue())
    require_harmless(nac("info", nac_file))
    listed = nac("tag", nac_file)
    require_harmless(listed, count=2)
    assert dict(lines(nac("tag", nac_file, "--json"))[0]["tags"])["TITLE"] == HOSTILE
    reader = ContainerReader(io.BytesIO(data))
    writer = ContainerWriter(again := io.BytesIO(), reader.info, Tags((), (picture,)))
    for record in reader.chunks():
        writer.write_chunk(record)
    writer.finish(reader.info.num_samples)
    nac_file.write_bytes(again.getvalue())
    require_harmless(nac("info", nac_file))
    require_harmless(nac("tag", nac_file))
    result = nac("info", nac_file, "--json")
    require_harmless(result, count=1)
    assert json.loads(result.stdout)["pictures"][0]["mime"] == "image/<b>"


def test_the_name_of_a_model_that_is_not_here(nac, nac_file):
    """Control characters are refused, but marks of direction are text."""
    nac_file.write_bytes(with_codec(nac_file.read_bytes(), name="lo\u202emod", model_id=b"\xab" * 8))
    for command in ("info", "verify", "decompress", "recode"):
        result = nac(command, nac_file, *(["-o", nac_file.with_suffix(".x.nac")] if command == "recode" else []))
        require_harmless(result)
        assert result.exit_code == (0 if command == "info" else 7)
