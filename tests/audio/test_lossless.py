"""Lossless sources keep their width; a wrong MD5 and compressed sound in samples are told."""

from __future__ import annotations

import io
import struct

import av
import numpy as np
import pytest

from nac_cli.audio import open_audio
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE, SAMPLES = 48000, 20_000


def read(file: bytes) -> tuple[np.ndarray, int, list[str]]:
    told: list[str] = []
    with open_audio(io.BytesIO(file), told.append) as sound:
        blocks = list(sound.blocks(7000))
    return np.concatenate([np.zeros((sound.channels, 0), np.float32), *blocks], axis=1), sound.source_bits, told


def integers(bits: int) -> np.ndarray:
    """Samples of exactly so many bits, the lowest in use."""
    steps = np.rint(tones(SAMPLES) * (1 << bits - 2)).astype(np.int64) | 1
    return (steps / float(1 << bits - 1)).astype(np.float32)


def encoded(samples: np.ndarray, format: str, codec: str, sample_format: str) -> bytes:
    """A file by FFmpeg of samples of a format, which is not converted to another."""
    file = io.BytesIO()
    with av.open(file, "w", format=format) as container:
        stream = container.add_stream(codec, rate=RATE, layout="stereo", format=sample_format)
        scale, kind = (32767, np.int16) if "16" in sample_format else (1 << 31, np.int32)
        steps = np.rint(samples.astype(np.float64) * (scale + 1 if scale == 32767 else scale)).astype(kind)
        planar = sample_format.endswith("p")
        array = np.ascontiguousarray(steps if planar else steps.T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(array, sample_format, "stereo")
        frame.sample_rate, frame.pts = RATE, 0
        stream.codec_context.open()
        fifo = av.AudioFifo()
        fifo.write(frame)
        size = stream.codec_context.frame_size or 4096
        while (part := fifo.read(size, partial=True)) is not None:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()


LOSSLESS = [
    ("wv", "wavpack", "s16p", 16), ("wv", "wavpack", "s32p", 24), ("tta", "tta", "s16", 16), ("tta", "tta", "s32", 24),
    ("ipod", "alac", "s16p", 16), ("ipod", "alac", "s32p", 24), ("matroska", "wavpack", "s16p", 16),
]  # fmt: skip


@pytest.mark.parametrize("format, codec, sample_format, bits", LOSSLESS)
def test_lossless_codecs_of_ffmpeg(format, codec, sample_format, bits):
    original = integers(bits)
    got, found, told = read(encoded(original, format, codec, sample_format))
    if codec == "wavpack" and bits == 24:
        bits = 32  # FFmpeg's encoder writes integers of 32 bits
    assert (found, told) == (bits, [])
    assert np.array_equal(got, original)


def test_a_lossy_codec_has_no_width():
    assert read(ffmpeg_file(tones(SAMPLES), RATE, "ipod", "aac"))[1] == 0


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_S8"])
def test_a_wrong_md5_of_a_flac_file_is_told(subtype):
    file = sound_file(tones(SAMPLES, rate=RATE), RATE, "FLAC", subtype)
    assert read(file)[2] == []
    wrong = file[:26] + bytes([file[26] ^ 1]) + file[27:]
    got, _, told = read(wrong)
    assert got.shape == (2, SAMPLES) and len(told) == 1 and "MD5" in told[0]
    assert read(file[:26] + bytes(16) + file[42:])[2] == [], "no MD5 is no wrong one"


def test_a_wrong_md5_in_other_containers():
    file = bytearray(ffmpeg_file(tones(SAMPLES), RATE, "matroska", "flac"))
    assert read(bytes(file))[1:] == (16, [])
    head = file.index(b"fLaC") + 26
    assert any(file[head : head + 16])
    file[head] ^= 1
    assert any("MD5" in sentence for sentence in read(bytes(file))[2])


def packed(codec: str) -> bytes:
    """Bursts of IEC 61937 with silence between them, as S/PDIF carries them: 16 bits, stereo."""
    raw = io.BytesIO()
    with av.open(raw, "w", format=codec) as container:
        stream = container.add_stream(codec, rate=RATE, layout="stereo")
        size = stream.codec_context.frame_size or 1536
        resampler = av.AudioResampler(stream.codec_context.format, "stereo", RATE, frame_size=1536)
        samples = np.ascontiguousarray(tones(96_000, rate=RATE).T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(samples, "flt", "stereo")
        frame.sample_rate, frame.pts = RATE, 0
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
        assert size
    raw.seek(0)
    packed = io.BytesIO()
    with av.open(raw, format=codec) as source, av.open(packed, "w", format="spdif") as target:
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return packed.getvalue()


@pytest.fixture(scope="module")
def bursts() -> bytes:
    return packed("ac3")


def test_ac3_packed_into_wav_is_decoded_and_told(bursts):
    form = struct.pack("<HHIIHH", 1, 2, RATE, 4 * RATE, 4, 16)
    body = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", len(bursts)) + bursts
    got, bits, told = read(b"RIFF" + struct.pack("<I", len(body)) + body)
    assert any("AC3" in sentence for sentence in told) and bits == 0
    middle = got[0, 20_000:60_000]
    assert np.abs(middle).max() < 0.6
    peak = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * RATE / len(middle)
    assert peak == pytest.approx(220, abs=3)


@pytest.mark.parametrize("kind, subtype", [("FLAC", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_24"), ("CAF", "PCM_16")])
def test_packed_sound_elsewhere_is_told(bursts, kind, subtype):
    samples = np.frombuffer(bursts, "<i2").reshape(-1, 2).T.astype(np.float32) / 32768
    _, _, told = read(sound_file(samples, RATE, kind, subtype))
    assert any("AC-3" in sentence or "AC3" in sentence for sentence in told)


@pytest.mark.parametrize("words", [(0x7FFE, 0x8001, 0xFC3C, 0x1234), (0x1FFF, 0xE800, 0x07F1, 0x0123)])
def test_dts_in_samples_is_told(words):
    rng = np.random.default_rng(0)
    frames = [np.concatenate([np.array(words, "<u2"), rng.integers(0, 65536, 1020).astype("<u2")]) for _ in range(20)]
    samples = np.concatenate(frames).view("<i2").reshape(-1, 2).T.astype(np.float32) / 32768
    assert any("DTS" in sentence for sentence in read(sound_file(samples, 44100))[2])


def test_noise_and_clipped_sound_are_not_taken_for_a_bitstream():
    noise = np.random.default_rng(0).uniform(-1, 1, (2, 1 << 19)).astype(np.float32)
    clipped = np.clip(4 * tones(1 << 17), -1, 32767 / 32768)
    for samples in (noise, clipped):
        assert read(sound_file(samples, 44100))[2] == []
