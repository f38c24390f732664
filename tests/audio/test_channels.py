"""Channels come in the order of their speakers and with their speakers, and go so."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest

from nac_cli import speakers
from nac_cli.audio import create_audio, open_audio, read_tags
from tests.helpers.sounds import ffmpeg_file, sound_file

RATE = 48000
PITCHES = {"FL": 200, "FR": 400, "FC": 600, "LFE": 60, "BL": 1000, "BR": 1200, "BC": 1300, "SL": 1400, "SR": 1600}
USUAL = {
    3: "FL FR FC", 4: "FL FR BL BR", 5: "FL FR FC BL BR", 6: "FL FR FC LFE BL BR",
    7: "FL FR FC LFE BC SL SR", 8: "FL FR FC LFE BL BR SL SR",
}  # fmt: skip
XIPH = {3: "FL FC FR", 4: "FL FR BL BR", 5: "FL FC FR BL BR", 6: "FL FC FR BL BR LFE", 7: "FL FC FR SL SR BC LFE",
        8: "FL FC FR SL SR BL BR LFE"}  # fmt: skip


def chord(names: str) -> np.ndarray:
    """A second of a tone in each channel, by speaker."""
    time = np.arange(RATE) / RATE
    return np.array([0.3 * np.sin(2 * np.pi * PITCHES[name] * time) for name in names.split()], np.float32)


def heard(sound: np.ndarray) -> str:
    """The speakers whose tones are in the channels."""
    spectra = np.abs(np.fft.rfft(sound * np.hanning(sound.shape[1])))
    peaks = np.argmax(spectra, axis=1) * RATE / sound.shape[1]
    return " ".join(min(PITCHES, key=lambda name: abs(PITCHES[name] - peak)) for peak in peaks)


def read(file: bytes) -> tuple[np.ndarray, int | None]:
    with open_audio(io.BytesIO(file), warn=pytest.fail) as sound:
        return np.concatenate(list(sound.blocks(9999)), axis=1), sound.speakers


def by_ffmpeg(file: bytes) -> np.ndarray:
    """The channels in FFmpeg's order, which is the usual one, by FFmpeg alone."""
    with av.open(io.BytesIO(file)) as container:
        channels = container.streams.audio[0].layout.nb_channels
        packed = av.AudioResampler(format="flt")
        frames = [part for frame in container.decode(audio=0) for part in packed.resample(frame)]
        return np.concatenate([frame.to_ndarray().reshape(-1, channels) for frame in frames]).T


@pytest.mark.parametrize("channels", XIPH)
@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_ogg_is_read_in_the_usual_order(codec, channels):
    file = sound_file(chord(XIPH[channels]), RATE, "OGG", codec)  # FFmpeg's encoder errs in Opus of 5 and 7 channels
    got, mask = read(file)
    assert heard(got) == heard(by_ffmpeg(file)) == USUAL[channels] and mask is None


@pytest.mark.parametrize("channels", XIPH)
def test_ogg_is_written_in_xiphs_order(channels):
    with create_audio(file := io.BytesIO(), RATE, channels, "ogg", warn=pytest.fail) as output:
        output.write(chord(USUAL[channels]))
    assert heard(by_ffmpeg(file.getvalue())) == USUAL[channels]
    assert heard(read(file.getvalue())[0]) == USUAL[channels]


def test_discrete_channels_of_opus_stay_as_they_are():
    """Mapping family 255 has no speakers: the header of a file of family 1 is changed to it, with a checksum."""
    file = bytearray(sound_file(chord(USUAL[3]), RATE, "OGG", "OPUS"))
    head = file.index(b"OpusHead")
    assert file[head + 18] == 1
    file[head + 18] = 255
    page = bytes(file[: file.index(b"OggS", 4)])
    file[22:26] = _ogg_checksum(page[:22] + bytes(4) + page[26:])
    assert heard(read(bytes(file))[0]) == USUAL[3]


def _ogg_checksum(page: bytes) -> bytes:
    value = 0
    for byte in page:
        value ^= byte << 24
        for _ in range(8):
            value = value << 1 & 0xFFFFFFFF ^ (0x04C11DB7 if value & 0x80000000 else 0)
    return value.to_bytes(4, "little")


MASKS = {
    "FL FR LFE": 0xB,
    "FL FR FC BC": 0x107,
    "FL FR FC LFE": 0xF,
    "FL FR FC LFE SL SR": 0x60F,
    "BL BR": 0x30,
    "LFE": 8,
}


@pytest.mark.parametrize("names", MASKS)
@pytest.mark.parametrize("format", ["wav", "flac"])
def test_speakers_go_into_wav_and_flac_and_come_back(format, names):
    channels, mask = len(names.split()), MASKS[names]
    with create_audio(file := io.BytesIO(), RATE, channels, format, speakers=mask, warn=pytest.fail) as output:
        output.write(chord(names))
    got, there = read(file.getvalue())
    assert (heard(got), there) == (names, mask)
    assert not read_tags(file, warn=pytest.fail), "the mask is no tag"
    with av.open(io.BytesIO(file.getvalue())) as container:
        layout = container.streams.audio[0].layout
    assert " ".join(channel.name for channel in layout.channels) == names


def test_usual_speakers_leave_files_as_they_were():
    for channels in range(1, 9):
        files = []
        for mask in (None, speakers.fitting_mask(speakers.usual(channels), channels)):
            with create_audio(file := io.BytesIO(), RATE, channels, speakers=mask) as output:
                output.write(np.zeros((channels, 100), np.float32))
            files.append(file.getvalue())
        assert files[0] == files[1]


@pytest.mark.parametrize(
    "format, codec, layout",
    [
        ("ac3", "ac3", "5.1(side)"),
        ("ac3", "ac3", "2.1"),
        ("ipod", "aac", "4.0"),
        ("flac", "flac", "3.1"),
        ("caf", "pcm_s16be", "3.1"),
    ],
)
def test_speakers_of_other_formats(format, codec, layout):
    names = " ".join(channel.name for channel in av.AudioLayout(layout).channels)
    got, mask = read(ffmpeg_file(chord(names), RATE, format, codec, layout))
    assert speakers.names_of(mask, len(got)) == tuple(names.split())
    assert heard(got) == names


def test_masks_that_say_nothing_or_too_much():
    assert speakers.fitting_mask(0x3, 1) == 0x1
    assert speakers.fitting_mask(0x80000000 | 0x33, 4) is None
    assert speakers.fitting_mask(0, 2) is None and speakers.fitting_mask(0, 4) == 0
    assert speakers.names_of(0x3, 4) == ("FL", "FR", "", "") and speakers.groups_of(0x3, 4) == (2, 1, 1)
    assert speakers.groups_of(0, 4) == speakers.groups_of(None, 4) == (2, 2)


def test_ogg_tells_of_speakers_that_it_cannot_say():
    told: list[str] = []
    for mask, channels in ((0xB, 3), (0x60F, 6), (None, 6)):
        with create_audio(io.BytesIO(), RATE, channels, "ogg", speakers=mask, warn=told.append) as output:
            output.write(np.zeros((channels, 100), np.float32))
    assert len(told) == 1 and "FL FR LFE" in told[0]


def test_extensible_headers_of_wav(tmp_path):
    data = struct.pack("<6h", *range(6))
    tail = bytes.fromhex("0100000000001000800000aa00389b71")
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 3, RATE, 6 * RATE, 6, 16, 22, 16, 0xB) + tail
    body = b"WAVEfmt " + struct.pack("<I", 40) + form + b"data" + struct.pack("<I", len(data)) + data
    assert read(b"RIFF" + struct.pack("<I", len(body)) + body)[1] == 0xB
