"""Whatever Python code gives: the obvious result, or an error of the library that says what is meant."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest

import nac_cli
from nac_cli.errors import NacError
from nac_cli.values import Waveform
from tests.helpers.sounds import noise
from tests.helpers.streams import compressed, decoded

SOUND = noise(2, 5000).samples


def compress(source, **options):
    return nac_cli.compress(source, io.BytesIO(), device="cpu", **({"planes": 1} | options))


WAVES = {
    "no channel": (np.zeros((0, 100), np.float32), 44_100, "1 to 8 channels"),
    "nine": (np.zeros((9, 100), np.float32), 44_100, "1 to 8 channels"),
    "turned round": (np.zeros((100, 2), np.float32), 44_100, "turned round"),
    "one axis": (np.zeros(100, np.float32), 44_100, r"\[channels, samples\]"),
    "three axes": (np.zeros((1, 2, 100), np.float32), 44_100, r"\[channels, samples\]"),
    "a list": ([[0.0, 0.1]], 44_100, r"\[channels, samples\]"),
    "None": (None, 44_100, r"\[channels, samples\]"),
    "int16": (np.zeros((1, 100), np.int16), 44_100, "32768"),
    "bool": (np.zeros((1, 100), bool), 44_100, "floats"),
    "complex": (np.zeros((1, 100), complex), 44_100, "floats"),
    "object": (np.full((1, 100), None), 44_100, "floats"),
    "text": (np.full((1, 100), "x"), 44_100, "floats"),
    "rate 0": (SOUND, 0, "sample rate"),
    "negative": (SOUND, -44_100, "sample rate"),
    "NaN": (SOUND, math.nan, "sample rate"),
    "infinite": (SOUND, math.inf, "sample rate"),
    "half a Hz": (SOUND, 44_100.5, "sample rate"),
    "rate of text": (SOUND, "44100", "sample rate"),
    "rate None": (SOUND, None, "sample rate"),
    "rate True": (SOUND, True, "sample rate"),
    "too fast": (SOUND, 384_000, "sample rate"),
}


@pytest.mark.parametrize("case", WAVES)
def test_what_is_no_waveform_is_a_usage_error(tiny, case):
    samples, rate, said = WAVES[case]
    with pytest.raises(NacError, match=said) as caught:
        compress(Waveform(samples, rate), model=tiny)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "samples, rate",
    [
        (SOUND.astype(np.float64), 44_100), (SOUND.astype(np.float16).astype(np.float32), 44_100), (SOUND, 44_100.0),
        (SOUND, np.int64(44_100)), (np.asfortranarray(SOUND), 44_100), (np.repeat(SOUND, 2, axis=1)[:, ::2], 44_100),
        (SOUND.astype(">f4"), 44_100),
    ],
)  # fmt: skip
def test_floats_of_any_kind_are_sound(tiny, samples, rate):
    expected = compressed(Waveform(samples.astype(np.float32), 44_100), tiny)
    assert compressed(Waveform(samples, rate), tiny) == expected


def test_values_beyond_what_float32_holds_are_silence_and_told(tiny):
    report = compress(Waveform(np.full((1, 5000), 1e300), 44_100), model=tiny)
    assert any("infinite" in message for message in report.messages)


@pytest.mark.parametrize(
    "source",
    [None, 7, 1.5, b"RIFF", bytearray(5), [1, 2], object(), io.StringIO("text"), np.zeros((1, 100), np.float32)],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_source_is_an_error_of_the_library(tiny, source):
    with pytest.raises(NacError):
        compress(source, model=tiny)


def test_a_closed_file_is_an_error_of_the_library(tiny):
    file = io.BytesIO(b"RIFF")
    file.close()
    for action in (lambda: compress(file, model=tiny), lambda: nac_cli.decompress(file), lambda: nac_cli.info(file)):
        with pytest.raises(NacError):
            action()


@pytest.mark.parametrize(
    "options",
    [
        {"bitrate": 0}, {"bitrate": -6000}, {"bitrate": math.nan}, {"bitrate": math.inf}, {"bitrate": "6k"},
        {"bitrate": True},
        {"planes": 0}, {"planes": -1}, {"planes": 999}, {"planes": 1.5}, {"planes": "2"}, {"planes": True},
        {"entropy": "zip"}, {"device": "toaster"}, {"threads": 0}, {"threads": -3}, {"threads": 1.5},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_make_no_sense_are_errors_of_the_library(tiny, options):
    planes = {} if "bitrate" in options else {"planes": 1}
    with pytest.raises(NacError):
        nac_cli.compress(Waveform(SOUND, 44_100), io.BytesIO(), model=tiny, **({"device": "cpu"} | planes | options))


@pytest.fixture(scope="module")
def stream(models) -> bytes:
    return compressed(Waveform(noise(2, 44_100).samples, 44_100), str(models / "nac-44k-tiny.safetensors"))


def test_an_infinite_end_is_the_end(stream):
    whole = decoded(stream)
    for end in (math.inf, np.float64("inf"), 1e300, 5):
        assert np.array_equal(decoded(stream, end=end).samples, whole.samples)
    assert decoded(stream, start=1).num_samples == 0
    assert decoded(stream, start=np.float32(0.5), end=0.5).num_samples == 0


@pytest.mark.parametrize(
    "options",
    [
        {"start": math.nan}, {"end": math.nan}, {"start": math.inf}, {"start": -math.inf}, {"end": -math.inf},
        {"start": -1},
        {"end": -1}, {"start": "1"}, {"end": "0:01"}, {"start": 1e300}, {"start": 0.6, "end": 0.5}, {"start": True},
        {"max_seconds": 0.1}, {"max_seconds": math.nan}, {"device": "toaster"}, {"threads": 0},
    ],
    ids=str,
)  # fmt: skip
def test_ranges_that_make_no_sense_are_errors_of_the_library(stream, options):
    with pytest.raises(NacError):
        nac_cli.decompress(io.BytesIO(stream), **({"device": "cpu"} | options))


@pytest.mark.parametrize(
    "options", [{"format": "mp3"}, {"bits": 20}, {"bits": "16"}, {"format": "flac", "bits": 32}], ids=str
)
def test_outputs_that_nac_does_not_write_are_errors_of_the_library(stream, tmp_path, options):
    with pytest.raises(NacError):
        nac_cli.decompress(io.BytesIO(stream), tmp_path / "a", device="cpu", **options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", [7, b"out.nac", object(), io.StringIO()], ids=lambda value: type(value).__name__)
def test_what_is_no_target_is_an_error_of_the_library(tiny, stream, target):
    with pytest.raises(NacError):
        nac_cli.compress(Waveform(SOUND, 44_100), target, model=tiny, planes=1, device="cpu")
    with pytest.raises(NacError):
        nac_cli.decompress(io.BytesIO(stream), target, device="cpu")


@pytest.mark.parametrize(
    "source", [None, 7, b"\x89NAC", io.StringIO("x"), object()], ids=lambda value: type(value).__name__
)
def test_what_is_no_stream_is_an_error_of_the_library(source):
    for action in (nac_cli.decompress, nac_cli.info, nac_cli.verify):
        with pytest.raises(NacError):
            action(source)
