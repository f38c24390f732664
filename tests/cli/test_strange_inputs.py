"""Files with strange tags, lengths and channels compress, and the words about them reach stderr and --json."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from mutagen.flac import FLAC, Picture

from tests.helpers.sounds import sound_file, tones


def strange(path, **tags) -> None:
    path.write_bytes(sound_file(tones(20_000), 44100, "FLAC"))
    file = FLAC(path)
    file.update(tags)
    picture = Picture()
    picture.data, picture.mime = b"\x89PNG", "image/png\0"
    file.add_picture(picture)
    file.save()


def test_tags_that_do_not_fit_are_left_out_with_a_word(compress, nac, tmp_path):
    strange(tmp_path / "a.flac", LYRICS="x" * 1_200_000, TITLE="kept")
    done = compress(tmp_path / "a.flac", "-q", 1, "--json")
    assert done.exit_code == 0
    messages = json.loads(done.stdout)["messages"]
    assert any("LYRICS" in text for text in messages) and any("image/png" in text for text in messages)
    assert (
        all(f"Warning: {tmp_path / 'a.flac'}" in line for line in done.stderr.splitlines()) and "LYRICS" in done.stderr
    )
    listed = nac("tag", tmp_path / "a.nac").stdout
    assert "TITLE=kept" in listed and "LYRICS" not in listed and "image/png" in listed


def test_no_tags_says_nothing_of_tags(compress, tmp_path):
    strange(tmp_path / "a.flac", LYRICS="x" * 1_200_000)
    done = compress(tmp_path / "a.flac", "-q", 1, "--json", "--no-tags")
    assert done.exit_code == 0 and json.loads(done.stdout)["messages"] == []


@pytest.mark.parametrize("arguments", [[], ["--no-tags"]])
def test_latin_1_in_an_mp3_is_kept(compress, nac, tmp_path, arguments):
    fields = (("Grün", 30), ("Zoë", 30), ("", 30), ("1999", 4), ("", 30))
    tag = b"TAG" + b"".join(text.encode("latin-1").ljust(size, b"\0") for text, size in fields) + b"\x11"
    (tmp_path / "a.mp3").write_bytes(sound_file(tones(20_000), 44100, "MP3", "MPEG_LAYER_III") + tag)
    assert compress(tmp_path / "a.mp3", "-q", 1, *arguments).exit_code == 0
    assert ("TITLE=Grün" in nac("tag", tmp_path / "a.nac").stdout) == (not arguments)


def test_a_chain_is_compressed_whole(compress, tmp_path):
    parts = [sound_file(tones(size, rate=48000), 48000, "OGG", "VORBIS") for size in (48_000, 96_000)]
    (tmp_path / "a.ogg").write_bytes(b"".join(parts))
    done = compress(tmp_path / "a.ogg", "-q", 1, "--json")
    record = json.loads(done.stdout)
    assert record["seconds"] == 3.0 and "chain" in record["messages"][0] and "chain" in done.stderr


def test_speakers_are_shown_and_written_back(compress, nac, tmp_path):
    from nac_cli.audio import create_audio, open_audio

    with create_audio(tmp_path / "a.wav", 44100, 3, speakers=0xB) as output:
        output.write(np.zeros((3, 5000), np.float32))
    assert compress(tmp_path / "a.wav", "-q", 1).exit_code == 0
    assert "3 channels (FL FR LFE)" in nac("info", tmp_path / "a.nac").stdout
    assert nac("decompress", tmp_path / "a.nac", "-o", tmp_path / "b.wav").exit_code == 0
    with open_audio(io.BytesIO((tmp_path / "b.wav").read_bytes())) as sound:
        assert sound.speakers == 0xB
    told = nac("decompress", tmp_path / "a.nac", "-o", tmp_path / "b.ogg").stderr
    assert "Warning" in told and "FL FR LFE" in told
