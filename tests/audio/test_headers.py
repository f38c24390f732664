"""Headers that say less than there is: all of the sound and a word; what is no sound stays outside."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from nac_cli.audio import open_audio
from tests.helpers.sounds import sound_file, tones

RATE, SAMPLES = 44100, 30_000
HALF, ALL = SAMPLES * 2, SAMPLES * 4
"""Bytes of half and of all of the sound: stereo of 16 bits."""
NOISE = np.random.default_rng(1).integers(0, 256, 60_000, dtype=np.uint8).tobytes()


def read(file: bytes) -> tuple[np.ndarray, list[str]]:
    told: list[str] = []
    with open_audio(io.BytesIO(file), told.append) as sound:
        blocks = list(sound.blocks(7000))
    return np.concatenate([np.zeros((sound.channels, 0), np.float32), *blocks], axis=1), told


@pytest.fixture(scope="module")
def sound() -> np.ndarray:
    return tones(SAMPLES)


@pytest.fixture(scope="module")
def pcm(sound) -> bytes:
    return sound_file(sound, RATE)[44:]


def chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


FMT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16))


def riff(body: bytes, magic: bytes = b"RIFF", size: int | None = None) -> bytes:
    return magic + struct.pack("<I", 4 + len(body) if size is None else size) + b"WAVE" + body


def rf64(pcm: bytes, magic: bytes, riff_size: int, data_size: int, behind: bytes = b"") -> bytes:
    ds64 = chunk(b"ds64", struct.pack("<QQQI", riff_size, data_size, data_size // 4, 0))
    return riff(ds64 + FMT + b"data" + b"\xff" * 4 + pcm + behind, magic, 0xFFFFFFFF)


def patched(file: bytes, offset: int, layout: str, value: int) -> bytes:
    return file[:offset] + struct.pack(layout, value) + file[offset + struct.calcsize(layout) :]


def stale(kind: str, sound: np.ndarray, size: int) -> bytes:
    """A file whose header claims `size` bytes of sound."""
    file = sound_file(sound, RATE, kind)
    if kind == "AU":
        return patched(file, 8, ">I", size)
    if kind == "CAF":
        return patched(file, file.index(b"data") + 4, ">q", size + 4)
    if kind == "AIFF":
        file = patched(file, file.index(b"COMM") + 10, ">I", size // 4)
        return patched(file, file.index(b"SSND") + 4, ">I", size + 8)
    assert kind == "W64"
    return patched(file, file.index(b"data") + 16, "<Q", size + 24 if size else 0)


@pytest.mark.parametrize("size", [0, HALF, HALF + 4])
@pytest.mark.parametrize("kind", ["AU", "CAF", "AIFF", "W64"])
def test_stale_lengths_are_read_to_the_true_end(sound, kind, size):
    whole, told = read(sound_file(sound, RATE, kind))
    assert told == []
    got, told = read(stale(kind, sound, size))
    assert np.array_equal(got, whole)
    assert len(told) == 1 and "behind the end" in told[0]


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
@pytest.mark.parametrize("size", [0, HALF])
def test_stale_rf64_and_bw64(sound, pcm, magic, size):
    whole, _ = read(sound_file(sound, RATE))
    got, told = read(rf64(pcm, magic, size + 72, size))
    assert np.array_equal(got, whole)
    assert len(told) == 1 and "behind the end" in told[0]


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_rf64_and_bw64_as_they_should_be(sound, pcm, magic):
    whole, _ = read(sound_file(sound, RATE))
    behind = chunk(b"LIST", b"INFOIART" + struct.pack("<I", 4) + b"Ann\0")
    got, told = read(rf64(pcm, magic, 72 + ALL + len(behind), ALL, behind))
    assert np.array_equal(got, whole) and told == []


@pytest.mark.parametrize(
    "file",
    [
        lambda sound, pcm: patched(sound_file(sound, RATE, "AU"), 8, ">I", 0xFFFFFFFF),
        lambda sound, pcm: stale("CAF", sound, -5),
        lambda sound, pcm: rf64(pcm, b"RF64", 2**64 - 1, 2**64 - 1),
        lambda sound, pcm: riff(FMT + b"data" + b"\xff" * 4 + pcm, size=0xFFFFFFFF),
    ],
    ids=["AU", "CAF", "RF64", "WAV"],
)
def test_lengths_that_were_left_open_are_nothing_odd(sound, pcm, file):
    whole, _ = read(sound_file(sound, RATE))
    got, told = read(file(sound, pcm))
    assert np.array_equal(got, whole) and told == []


def test_chunks_behind_sound_of_a_length_left_open_are_no_sound(sound, pcm):
    behind = chunk(b"LIST", b"INFOIART" + struct.pack("<I", 4) + b"Ann\0") + chunk(b"id3 ", NOISE)
    got, _ = read(riff(FMT + b"data" + b"\xff" * 4 + pcm + behind, size=0xFFFFFFFF))
    assert got.shape == (2, SAMPLES)


BEHIND_DATA = {
    "a chunk without a name": b"\0n\0i"
    + bytes(4)
    + chunk(b"LIST", b"INFOINAM\x06\0\0\0Demo\0\0")
    + chunk(b"id3 ", NOISE),
    "a chunk of an unknown name": chunk(b"\x01\x02\x03\x04", NOISE),
    "a named chunk": chunk(b"_PMX", b"<xmp/>"),
    "padding": chunk(b"FLLR", bytes(5000)),
}


@pytest.mark.parametrize("what", BEHIND_DATA)
def test_chunks_inside_the_riff_size_are_no_sound(sound, pcm, what):
    got, told = read(riff(FMT + chunk(b"data", pcm) + BEHIND_DATA[what]))
    assert got.shape == (2, SAMPLES) and told == []


BEHIND_RIFF = {
    "zeros": (bytes(4096), 0),
    "a line's end and zeros": (b"\r\n" + bytes(30), 0),
    "an ID3 tag, cut off": (b"ID3\x04\0\0\x00\x7f\x7f\x7f" + NOISE, 0),
    "an ID3v1 tag": (b"TAG" + bytes(125), 0),
    "an APE tag": (b"APETAGEX" + struct.pack("<IIII8x", 2000, 32, 0, 0xA0000000) + NOISE[:200], 0),
    "a picture": (b"\xff\xd8\xff\xe0" + NOISE, 1),
    "an archive": (b"PK\x03\x04" + NOISE, 1),
}


@pytest.mark.parametrize("what", BEHIND_RIFF)
def test_what_stands_behind_a_riff_size_that_is_right_is_no_sound(sound, pcm, what):
    behind, words = BEHIND_RIFF[what]
    got, told = read(riff(FMT + chunk(b"data", pcm)) + behind)
    assert got.shape == (2, SAMPLES)
    assert len(told) == words and all("no sound" in sentence for sentence in told)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_sound_of_every_width_is_told_from_rubbish(subtype):
    original = tones(SAMPLES) / 4
    file = sound_file(original, RATE, "WAV", subtype)
    data = file.index(b"data")
    size = struct.unpack_from("<I", file, data + 4)[0]
    frame = size // SAMPLES
    half = patched(file, data + 4, "<I", SAMPLES // 2 * frame)
    got, told = read(patched(half, 4, "<I", data + SAMPLES // 2 * frame))
    assert got.shape == (2, SAMPLES) and "behind the end" in told[0]
    junk, told = read(file + NOISE[1:])
    assert junk.shape == (2, SAMPLES) and "no sound" in told[0]


def test_a_stale_header_in_front_of_a_tag(sound, pcm):
    tag = b"TAG" + b"Title".ljust(125, b"\0")
    got, told = read(riff(FMT + b"data" + bytes(4) + pcm, size=0) + tag)
    assert got.shape == (2, SAMPLES) and "behind the end" in told[0]


def test_a_large_file_that_claims_nothing_is_told(pcm):
    got, told = read(riff(FMT + b"data" + bytes(4) + bytes(20_000), size=0))
    assert got.shape[1] == 0 and "claims no sound" in told[0]


def test_big_endian_wav(sound):
    whole, _ = read(sound_file(sound, RATE))
    file = sound_file(sound, RATE, "WAV", endian="BIG")
    assert file.startswith(b"RIFX")
    got, told = read(file)
    assert np.array_equal(got, whole) and told == []
    got, told = read(patched(patched(file, file.index(b"data") + 4, ">I", 0), 4, ">I", 0))
    assert np.array_equal(got, whole) and "behind the end" in told[0]


def test_a_flac_header_that_says_less(sound):
    file = sound_file(sound, RATE, "FLAC")
    got, told = read(patched(file, 22, ">I", SAMPLES // 2))
    assert got.shape == (2, SAMPLES)
    assert any("longer than it says" in sentence for sentence in told)


def test_nothing_but_our_own_words_on_stderr(sound, capfd):
    for file in (stale("CAF", sound, HALF), NOISE, sound_file(sound, RATE, "AIFF")[:-5000]):
        try:
            read(file)
        except Exception as error:
            assert type(error).__name__ == "AudioError"
    assert capfd.readouterr().err == ""
