from __future__ import annotations

import errno
import io
import os
import struct

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.audio import Tags, create_audio, open_audio
from nac_cli.audio.wav import wav_header
from nac_cli.errors import AudioError, UsageError
from tests.helpers.sounds import tones

RATE = 44100
STEP = {16: 2.0**-15, 24: 2.0**-23, 32: 0.0}


def write(target, sound: np.ndarray, *arguments, rate: int = RATE, sizes=(), **options) -> int:
    with create_audio(target, rate, sound.shape[0], *arguments, **options) as output:
        at = 0
        for size in [*sizes, sound.shape[1] + 1]:
            output.write(sound[:, at : at + size])
            at += size
    assert output.num_samples == sound.shape[1]
    return output.clipped


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([("wav", 16), ("wav", 24), ("wav", 32), ("flac", 16), ("flac", 24)]),
    st.integers(0, 400),
    st.integers(1, 8),
    st.sampled_from([8000, 11025, 37800, 44100, 65537, 191999, 192000]),
    st.lists(st.integers(0, 99), max_size=4),
    st.booleans(),
)
def test_what_is_written_comes_back(tmp_path_factory, kind, num_samples, channels, rate, sizes, known):
    path = tmp_path_factory.mktemp("write") / "sound"
    sound = tones(num_samples, channels)
    format, bits = kind
    if format == "flac" and rate > 65535:
        rate -= rate % 10
    length = num_samples if known else None
    assert write(path, sound, format, bits, length, rate=rate, sizes=tuple(sizes), dither=False) == 0
    with open_audio(path, warn=pytest.fail) as reader:
        assert (reader.sample_rate, reader.channels, reader.source_bits) == (rate, channels, bits)
        assert reader.num_samples == num_samples or (num_samples == 0 and format == "flac")
        got = np.concatenate([np.zeros((channels, 0)), *reader.blocks(50)], axis=1)
    assert got.shape == sound.shape
    assert np.abs(got - sound).max(initial=0) <= 0.51 * STEP[bits]


@pytest.mark.parametrize("rate, channels", [(8000, 1), (11025, 2), (44100, 6), (48000, 8), (192000, 2)])
def test_ogg_vorbis_keeps_length_and_timing(tmp_path, rate, channels):
    sound = tones(rate, channels)
    write(tmp_path / "a", sound, "ogg", rate=rate, quality=0.9)
    got, got_rate = sf.read(tmp_path / "a", always_2d=True)
    assert got_rate == rate and got.T.shape == sound.shape
    front = got.T[[0, 2, 1]] if channels > 2 else got.T  # Vorbis has the centre between left and right
    assert np.mean((front - sound[:3]) ** 2) < 0.02 * np.mean(sound[:3] ** 2)  # the subwoofer is filtered


def test_ogg_of_better_quality_is_larger(tmp_path):
    for quality in (0.1, 0.6, 1.0):
        write(tmp_path / str(quality), tones(RATE), "ogg", quality=quality)
    sizes = [(tmp_path / name).stat().st_size for name in ("0.1", "0.6", "1.0")]
    assert sizes == sorted(sizes) and sizes[2] > 1.5 * sizes[0]


def test_ogg_of_no_samples_and_long_blocks(tmp_path):
    write(tmp_path / "none", tones(0), "ogg")
    write(tmp_path / "long", np.zeros((2, 3_000_000), np.float32), "ogg")
    assert sf.info(tmp_path / "none").frames == 0
    assert sf.info(tmp_path / "long").frames == 3_000_000


def test_integers_clip_and_count_while_floats_keep_all(tmp_path):
    sound = np.array([[0.5, 1.0, 1.5, -1.0, -3.0]], np.float32)
    assert write(tmp_path / "i", sound, "wav", 16, dither=False) == 2
    assert sf.read(tmp_path / "i", dtype="int16")[0].tolist() == [16384, 32767, 32767, -32768, -32768]
    assert write(tmp_path / "f", sound, "wav", 32) == 0
    assert sf.read(tmp_path / "f", dtype="float32")[0].tolist() == sound[0].tolist()


def test_integers_of_16_bits_survive_unchanged_without_dither(tmp_path):
    integers = np.arange(-32768, 32768, dtype=np.int16)
    sf.write(tmp_path / "a.wav", integers, RATE, "PCM_16")
    with open_audio(tmp_path / "a.wav") as sound:
        write(tmp_path / "b", next(sound.blocks(65536)), "wav", 16, dither=False)
    assert np.array_equal(sf.read(tmp_path / "b", dtype="int16")[0], integers)


def test_dither_is_triangular_reproducible_and_independent_of_the_split(tmp_path):
    sound = np.full((2, 50_000), 100.25 / 32768, np.float32)
    write(tmp_path / "a", sound, "wav", 16)
    write(tmp_path / "b", sound, "wav", 16, sizes=(1, 7, 12345))
    assert (tmp_path / "b").read_bytes()[-200_000:] == (tmp_path / "a").read_bytes()[-200_000:]
    steps = sf.read(tmp_path / "a", dtype="int16")[0] - 100.25
    assert abs(steps.mean()) < 0.01, "the mean level survives below one step"
    assert steps.var() == pytest.approx(1 / 4, rel=0.03), "1/12 of rounding and 1/6 of a triangle of +-1 step"


def test_digital_silence_stays_silent(tmp_path):
    write(tmp_path / "a", np.zeros((1, 1000), np.float32), "wav", 16)
    assert not sf.read(tmp_path / "a")[0].any()


@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
@pytest.mark.parametrize("bits", [16, 24, 32])
def test_wav_headers_are_understood_by_others(channels, bits):
    scipy = pytest.importorskip("scipy.io.wavfile")
    file = io.BytesIO()
    write(file, tones(101, channels), "wav", bits, 101, dither=False)
    data = file.getvalue()
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    rate, samples = scipy.read(io.BytesIO(data))
    assert rate == RATE
    assert samples.reshape(101, -1).shape == (101, channels)


def test_wav_of_known_length_has_the_canonical_header():
    file = io.BytesIO()
    write(file, tones(10), "wav", 16, 10)
    assert file.getvalue()[:44] == wav_header(RATE, 2, 16, 10)
    assert file.getvalue()[36:40] == b"data" and len(file.getvalue()) == 44 + 40


def test_beyond_4_gib_the_header_is_rf64_and_the_place_for_it_fits():
    samples = 1 << 30
    known, reserved = wav_header(RATE, 2, 16, samples), wav_header(RATE, 2, 16, None, reserve=True)
    assert known[:4] == b"RF64"
    assert len(known) == len(reserved) == len(wav_header(RATE, 2, 16, 5, reserve=True))
    riff_size, data_size, count = struct.unpack("<QQQ", known[20:44])
    assert (riff_size, data_size, count) == (len(known) - 8 + 4 * samples, 4 * samples, samples)
    assert wav_header(RATE, 2, 16, samples - 20)[:4] == b"RIFF"


@pytest.mark.skipif(os.name != "posix", reason="needs sparse files")
def test_rf64_of_4_gib_is_read_back(tmp_path):
    samples = (1 << 30) + 5
    header = wav_header(RATE, 2, 16, samples)
    with (tmp_path / "big.wav").open("wb") as file:
        file.write(header)
        file.truncate(len(header) + 4 * samples)
    assert sf.info(tmp_path / "big.wav").frames == samples
    with open_audio(tmp_path / "big.wav", warn=pytest.fail) as sound:
        assert sound.num_samples == samples
        assert next(sound.blocks(1000)).shape == (2, 1000)


def test_a_pipe_that_was_promised_another_length():
    for announced in (5, 15):
        with pytest.raises(AudioError, match=f"announced {announced} samples, but 10 came"):
            write(io.BytesIO(), tones(10), "wav", 16, announced)


def test_a_path_that_was_promised_another_length_is_corrected(tmp_path):
    write(tmp_path / "a", tones(10), "wav", 16, 12345)
    assert sf.info(tmp_path / "a").frames == 10


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("mp3",), "choose one of wav, flac, ogg"),
        (("flac", 32), "16 or 24 bits"),
        (("wav", 8), "16 or 24 or 32 bits"),
    ],
)
def test_what_does_not_exist_is_a_usage_error(tmp_path, arguments, message):
    with pytest.raises(UsageError, match=message):
        create_audio(tmp_path / "a", RATE, 2, *arguments)
    for rate, channels in ((7999, 2), (192001, 2), (RATE, 0), (RATE, 9)):
        with pytest.raises(UsageError, match="can be written"):
            create_audio(tmp_path / "a", rate, channels)
    with pytest.raises(UsageError, match="quality"):
        create_audio(tmp_path / "a", RATE, 2, "ogg", quality=1.5)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("format", ["wav", "flac", "ogg"])
def test_a_full_disk_is_an_audio_error(format):
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    with (
        pytest.raises(AudioError, match="cannot be written: no space left on device"),
        create_audio("/dev/full", RATE, 2, format) as output,
    ):
        for _ in range(50):
            output.write(tones(10_000))


def test_flac_has_no_odd_rates_beyond_65535():
    with pytest.raises(AudioError, match="steps of 10.*choose WAV"):
        create_audio(io.BytesIO(), 191999, 2, "flac")


def test_paths_that_cannot_be_written(tmp_path):
    for path in (tmp_path / "missing" / "a.wav", tmp_path):
        with pytest.raises(AudioError, match="cannot be written"):
            create_audio(path, RATE, 2)


def test_an_exception_inside_closes_without_completing(tmp_path):
    for format in ("wav", "flac", "ogg"):
        with pytest.raises(KeyError), create_audio(tmp_path / "a", RATE, 2, format) as output:
            output.write(tones(100))
            raise KeyError
        output.close()  # nothing left to do
    file = io.BytesIO()
    with pytest.raises(KeyError), create_audio(file, RATE, 2, "flac") as output:
        output.write(tones(100))
        raise KeyError
    assert file.getvalue() == b"", "half a file is not delivered"


def test_blocks_of_another_shape_are_refused(tmp_path):
    with create_audio(tmp_path / "a", RATE, 2) as output:
        for block in (tones(10, 1), tones(10)[0], tones(10).T):
            with pytest.raises(ValueError, match="block"):
                output.write(block)


def test_a_wav_pipe_says_that_it_has_no_tags():
    told = []
    create_audio(io.BytesIO(), RATE, 1, tags=Tags((("TITLE", "x"),)), warn=told.append).close()
    assert len(told) == 1 and "tags" in told[0]


def test_errors_of_the_system_keep_their_cause(tmp_path):
    with pytest.raises(AudioError) as caught:
        create_audio(tmp_path / "missing" / "a.wav", RATE, 2)
    assert caught.value.__cause__.errno == errno.ENOENT
