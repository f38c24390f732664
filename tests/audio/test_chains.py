"""Chained Ogg files: the sound of all links, whatever their rates and channels."""

from __future__ import annotations

import io

import numpy as np
import pytest

from nac_cli.audio import open_audio
from nac_cli.errors import AudioError
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE = 48000


def read(file: bytes) -> tuple[np.ndarray, int, list[str]]:
    told: list[str] = []
    with open_audio(io.BytesIO(file), told.append) as sound:
        blocks = list(sound.blocks(7000))
    return np.concatenate(blocks, axis=1), sound.sample_rate, told


def ogg(kind: str, num_samples: int, rate: int = RATE, channels: int = 2) -> bytes:
    if kind == "FLAC":
        return ffmpeg_file(tones(num_samples, channels, rate), rate, "ogg", "flac")
    return sound_file(tones(num_samples, channels, rate), rate, "OGG", kind)


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS", "FLAC"])
def test_links_follow_one_another(kind):
    parts = [ogg(kind, size) for size in (30_000, 70_000, 12_345)]
    got, rate, told = read(b"".join(parts))
    alone = [read(part)[0] for part in parts]
    assert rate == RATE and [part.shape[1] for part in alone] == [30_000, 70_000, 12_345]
    np.testing.assert_allclose(got, np.concatenate(alone, axis=1), atol=1e-6)
    assert len(told) == 1 and "chain of 3" in told[0]


@pytest.mark.parametrize("kind", ["VORBIS", "OPUS"])
def test_the_same_file_twice(kind):
    """Both links have the same serial number."""
    part = ogg(kind, 30_000)
    assert read(part + part)[0].shape == (2, 60_000)


def test_links_of_other_rates_and_channels_become_like_the_first():
    parts = [
        ogg("VORBIS", 48_000),
        ogg("VORBIS", 44_100, 44_100),
        ogg("OPUS", 24_000, 24_000),
        ogg("VORBIS", 48_000, 48_000, 1),
    ]
    got, rate, told = read(b"".join(parts))
    assert (rate, got.shape) == (48_000, (2, 4 * 48_000))
    for second in range(4):
        middle = got[0, second * 48_000 + 10_000 : second * 48_000 + 34_000]
        peak = np.argmax(np.abs(np.fft.rfft(middle * np.hanning(len(middle))))) * 48_000 / len(middle)
        assert peak == pytest.approx(220, abs=3)
    assert [sentence for sentence in told if "44100 Hz" in sentence] and "1 channels at 48000" in told[-1]


def test_a_link_that_is_broken_costs_itself_only():
    parts = [bytearray(ogg("VORBIS", size)) for size in (30_000, 50_000, 20_000)]
    parts[1][28:4000] = bytes(3972)
    got, _, told = read(b"".join(parts))
    assert 50_000 <= got.shape[1] < 100_000
    assert len(told) >= 2


def test_a_first_link_that_is_no_sound_is_passed_over():
    text = bytearray(ogg("VORBIS", 1000))
    text[29:35] = b"sketch"
    got, _, told = read(bytes(text) + ogg("OPUS", 20_000))
    assert got.shape == (2, 20_000) and any("left out" in sentence for sentence in told)
    with pytest.raises(AudioError):
        read(bytes(text) + bytes(text))
