"""Broken input: the samples that are there, and a word about the rest; never another library's traceback."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest

from nac_cli.audio import open_audio
from nac_cli.errors import AudioError
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE, SAMPLES = 44100, 120_000


def read(file: bytes) -> tuple[np.ndarray, list[str]]:
    told: list[str] = []
    with open_audio(io.BytesIO(file), told.append) as sound:
        blocks = list(sound.blocks(5000))
    return np.concatenate([np.zeros((sound.channels, 0), np.float32), *blocks], axis=1), told


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    sound = tones(SAMPLES)
    lossless = ("WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC")
    made = {name: sound_file(sound, RATE, name) for name in lossless}
    made["OGG"] = sound_file(sound, RATE, "OGG", "VORBIS")
    made["OPUS"] = sound_file(sound, 48000, "OGG", "OPUS")
    made["MP3"] = sound_file(sound, RATE, "MP3", "MPEG_LAYER_III")
    made["LAME"] = ffmpeg_file(sound, RATE, "mp3", "libmp3lame")
    made["M4A"] = ffmpeg_file(sound, RATE, "ipod", "aac", options={"movflags": "faststart"})
    made["MKV"] = ffmpeg_file(sound, RATE, "matroska", "aac")
    made["WMA"] = ffmpeg_file(sound, RATE, "asf", "wmav2")
    made["AAC"] = ffmpeg_file(sound, RATE, "adts", "aac")
    return made


NAMES = ["WAV", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "OPUS", "MP3", "LAME", "M4A", "MKV", "WMA", "AAC"]


@pytest.mark.parametrize("name", NAMES)
def test_whole_files_cause_no_words(files, name):
    sound, told = read(files[name])
    assert told == []
    assert abs(sound.shape[1] - SAMPLES) <= 4096


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_breaks_off_gives_what_is_there_and_tells(files, name):
    whole, _ = read(files[name])
    sound, told = read(files[name][: len(files[name]) * 6 // 10 + 1])
    assert 0.2 * SAMPLES < sound.shape[1] < 0.7 * SAMPLES
    assert told and all("the input stream" in sentence for sentence in told)
    same = sound.shape[1] - 4096
    np.testing.assert_allclose(sound[:, :same], whole[:, :same], atol=1e-6)


@pytest.mark.parametrize("name", ["FLAC", "M4A", "AAC", "OGG", "OPUS", "MKV", "LAME"])
def test_damage_in_the_middle_is_told(files, name):
    whole, _ = read(files[name])
    file = bytearray(files[name])
    middle = len(file) // 2
    file[middle : middle + 300] = b"\x55" * 300
    sound, told = read(bytes(file))
    assert told
    assert sound.shape[1] > 0.3 * SAMPLES
    start = int(0.3 * SAMPLES)
    if name != "OGG":  # libvorbis drops the first page here, and with it the beginning
        np.testing.assert_allclose(sound[:, :start], whole[:, :start], atol=1e-6)


@pytest.mark.parametrize("name", ["FLAC", "M4A"])
def test_behind_damage_the_sound_goes_on_at_its_time(files, name):
    whole, _ = read(files[name])
    file = bytearray(files[name])
    middle = len(file) // 2
    file[middle : middle + 300] = b"\x55" * 300
    sound, told = read(bytes(file))
    assert sound.shape == whole.shape
    late = slice(int(0.8 * SAMPLES), None)
    noise = np.mean((sound[:, late] - whole[:, late]) ** 2) / np.mean(whole[:, late] ** 2)
    assert noise < 0.01  # AAC has noise of its own, another one each time
    assert "damaged" in told[0] and "silence" in told[0]


@pytest.mark.parametrize("name", NAMES)
def test_every_kind_of_stump_is_sound_or_an_audio_error(files, name):
    for size in (1, 3, 12, 40, 100, 500, 3000):
        try:
            read(files[name][:size])
        except AudioError as error:
            assert "the input stream" in str(error)


@pytest.mark.parametrize("name", NAMES)
def test_flipped_bits_in_the_header_are_sound_or_an_audio_error(files, name):
    for place in range(0, 120, 3):
        file = bytearray(files[name][:40000])
        file[place] ^= 0x41
        try:
            read(bytes(file))
        except AudioError as error:
            assert "the input stream" in str(error)


def test_mp4_without_index_says_so(files):
    file = ffmpeg_file(tones(SAMPLES), RATE, "ipod", "aac")
    with pytest.raises(AudioError, match="moov"):
        read(file[: len(file) // 2])


def wav_with_sizes(file: bytes, riff: int, data: int) -> bytes:
    return file[:4] + struct.pack("<I", riff) + file[8:40] + struct.pack("<I", data) + file[44:]


PIPE_SIZES = [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF + 36, 0x7FFFFFFF), (0x80000024, 0x80000000)]


@pytest.mark.parametrize("riff, data", PIPE_SIZES)
def test_wav_of_unknown_length_as_pipes_carry_it(files, riff, data):
    sound, told = read(wav_with_sizes(files["WAV"], riff, data))
    assert sound.shape == (2, SAMPLES)
    assert told == []


@pytest.mark.parametrize("riff, data", [(0, 0), (36, 0), (36 + 4000, 4000), (36 + 480_000 - 4, 480_000 - 4)])
def test_wav_whose_header_says_less_is_read_to_its_end(files, riff, data):
    whole, _ = read(files["WAV"])
    if data > 400_000:  # four bytes are too few to tell from a stray tag
        whole = whole[:, :-1]
    sound, told = read(wav_with_sizes(files["WAV"], riff, data))
    assert np.array_equal(sound, whole)
    assert (len(told) == 1 and "behind the end" in told[0]) or data > 400_000


STRAY_TAGS = [b"ID3\x04" + b"\xff" * 5000, b"TAG" + bytes(125), b"LIST\xff\x00\x00\x00INFO" + bytes(300)]


@pytest.mark.parametrize("tail", STRAY_TAGS)
def test_tags_behind_the_sound_are_not_taken_for_sound(files, tail):
    sound, _ = read(files["WAV"] + tail)
    assert sound.shape == (2, SAMPLES)


def test_header_of_a_length_that_flac_does_not_keep(files):
    file = bytearray(files["FLAC"])
    file[18 + 4 : 18 + 8] = struct.pack(">I", 2 * SAMPLES)  # total samples in STREAMINFO
    sound, told = read(bytes(file))
    assert sound.shape == (2, SAMPLES)
    assert "5.442 s are announced, 2.721 s are there" in told[-1]


def test_flac_of_unknown_length(files):
    file = bytearray(files["FLAC"])
    file[18 + 4 : 18 + 8] = bytes(4)
    with open_audio(io.BytesIO(bytes(file))) as sound:
        assert sound.num_samples is None
    sound, told = read(bytes(file))
    assert sound.shape == (2, SAMPLES)
    assert told == []
