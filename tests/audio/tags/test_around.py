"""Tags around a file, and text in other encodings than UTF-8: all is kept, and no sample is lost."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest
from mutagen import apev2, id3, mp4

from nac_cli.audio import open_audio, read_tags
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE, SAMPLES = 44100, 20_000
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5


def read(file: bytes) -> np.ndarray:
    with open_audio(io.BytesIO(file), warn=pytest.fail) as sound:
        return np.concatenate(list(sound.blocks(7000)), axis=1)


def id3_tag(title: str = "Säge") -> bytes:
    frames = id3.ID3()
    frames.add(id3.TIT2(encoding=3, text=[title]))
    frames.add(id3.APIC(encoding=3, mime="image/png", type=3, desc="", data=PNG))
    frames.save(fileobj=(file := io.BytesIO()), padding=lambda info: 100)
    return file.getvalue()


def id3v1(encoding: str, title: str, artist: str) -> bytes:
    fields = [(title, 30), (artist, 30), ("", 30), ("1999", 4), ("", 30)]
    return b"TAG" + b"".join(text.encode(encoding)[:size].ljust(size, b"\0") for text, size in fields) + b"\x11"


def ape_tag(leading: bool = False) -> bytes:
    items = b""
    for key, value in (("Album", "Früh"), ("Track", "3/9")):
        data = value.encode()
        items += struct.pack("<II", len(data), 0) + key.encode() + b"\0" + data
    fields = len(items) + 32, 2
    header = struct.pack("<8sIIII8x", b"APETAGEX", 2000, *fields, 0xA0000000)
    footer = struct.pack("<8sIIII8x", b"APETAGEX", 2000, *fields, 0x80000000)
    return header + items + footer


KINDS = ["WAV", "AIFF", "FLAC", "AU", "CAF", "W64", "RF64", "OGG", "ADTS", "MP3"]


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    sound = tones(SAMPLES)
    made = {kind: sound_file(sound, RATE, kind) for kind in KINDS[:7]}
    made["OGG"] = sound_file(sound, RATE, "OGG", "VORBIS")
    made["ADTS"] = ffmpeg_file(sound, RATE, "adts", "aac")
    made["MP3"] = ffmpeg_file(sound, RATE, "mp3", "libmp3lame", options={"write_id3v2": "0", "id3v2_version": "0"})
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_an_id3_tag_in_front_is_read_and_costs_no_sample(files, kind):
    file = id3_tag() + files[kind]
    assert np.array_equal(read(file), read(files[kind]))
    tags = read_tags(io.BytesIO(file), warn=pytest.fail)
    assert tags.values("TITLE") == ("Säge",) and tags.pictures[0].data == PNG
    twice = id3_tag("first") + bytes(300) + file
    assert np.array_equal(read(twice), read(files[kind]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_ape_tag_behind_or_in_front_is_read_and_costs_no_sample(files, kind):
    for file in (
        files[kind] + ape_tag(),
        ape_tag() + files[kind],
        files[kind] + ape_tag() + id3v1("ascii", "One", "Two"),
    ):
        assert np.array_equal(read(file), read(files[kind]))
        assert read_tags(io.BytesIO(file), warn=pytest.fail).values("ALBUM") == ("Früh",)
    both = id3_tag() + files[kind] + ape_tag()
    tags = read_tags(io.BytesIO(both), warn=pytest.fail)
    assert (tags.values("TITLE"), tags.values("TRACKTOTAL")) == (("Säge",), ("9",))


def test_the_formats_own_tags_come_first(files):
    file = io.BytesIO(files["FLAC"])
    from nac_cli.audio import Tags, write_tags

    write_tags(file, Tags((("TITLE", "own"),)))
    assert read_tags(io.BytesIO(id3_tag() + file.getvalue() + ape_tag())).items[0] == ("TITLE", "own")


def test_a_tag_that_claims_more_than_there_is_leaves_the_sound(files):
    assert read(files["MP3"] + b"APETAGEX" + struct.pack("<IIII8x", 2000, 1 << 30, 1, 0)).shape[1] >= SAMPLES


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def avi(title: bytes) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format="avi") as container:
        container.metadata["title"] = "x" * len(title)
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="stereo")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 2 * 4410), np.int16), "s16", "stereo")
        frame.sample_rate, frame.pts = RATE, 0
        container.mux([*stream.encode(frame), *stream.encode(None)])
    return file.getvalue().replace(b"x" * len(title), title)


def mp4_file(title: bytes) -> bytes:
    file = io.BytesIO(ffmpeg_file(tones(5000), RATE, "ipod", "aac"))
    atoms = mp4.MP4(fileobj=file)
    atoms["\xa9nam"] = ["x" * len(title)]
    file.seek(0)
    atoms.save(fileobj=file)
    return file.getvalue().replace(b"x" * len(title), title)


def wav_info(title: bytes) -> bytes:
    wav = sound_file(tones(1000), RATE)
    info = chunk(b"LIST", b"INFO" + chunk(b"INAM", title + b"\0"))
    return wav[:4] + struct.pack("<I", len(wav) + len(info) - 8) + wav[8:] + info


MAKERS = [
    avi,
    mp4_file,
    wav_info,
    lambda title: (
        sound_file(tones(5000), RATE, "MP3", "MPEG_LAYER_III") + id3v1("latin-1", title.decode("latin-1"), "")
    ),
]


@pytest.mark.parametrize("make", MAKERS, ids=["AVI", "MP4", "RIFF INFO", "ID3v1"])
def test_text_that_is_no_utf8_refuses_no_file_and_latin_1_is_kept(make):
    for title, wanted in (("Grün und Maß", "Grün und Maß"), ("Тест", "Òåñò")):
        file = make(title.encode("latin-1" if wanted == title else "cp1251"))
        assert read(file).shape[1] > 0
        tags = read_tags(io.BytesIO(file), warn=lambda sentence: None)
        assert tags.values("TITLE") == (wanted,)
    assert read_tags(io.BytesIO(make("Grün".encode())), warn=pytest.fail).values("TITLE") == ("Grün",)


def test_what_is_no_text_at_all_is_named():
    told: list[str] = []
    assert not read_tags(io.BytesIO(wav_info(b"\x81\x8d\xff\xfe")), told.append).items
    assert len(told) == 1 and "TITLE" in told[0]


def test_an_ape_file_by_mutagen_is_alike():
    file = io.BytesIO(bytes(1000))
    tag = apev2.APEv2()
    tag["Album"] = "Früh"
    tag.save(fileobj=file)
    from nac_cli.audio.envelope import inner

    assert inner(file) == (0, 1000)
