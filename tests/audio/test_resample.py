from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.audio import Resampler, resampled_length
from tests.helpers.sounds import tones

RATES = [8000, 11025, 16000, 22050, 24000, 32000, 37800, 44056, 44100, 48000, 88200, 96000, 191999, 192000]


def resample(sound: np.ndarray, source: int, target: int, sizes: list[int] | None = None) -> np.ndarray:
    resampler = Resampler(sound.shape[0], source, target)
    at, parts = 0, []
    for size in [*(sizes or []), sound.shape[1] + 1]:
        parts.append(resampler.push(sound[:, at : at + size]))
        at += size
    return np.concatenate([*parts, resampler.finish()], axis=1)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(RATES) | st.integers(8000, 192000),
    st.sampled_from([44100, 24000]) | st.integers(8000, 192000),
    st.integers(0, 3000),
    st.lists(st.integers(0, 900), max_size=6),
    st.integers(1, 3),
)
def test_exact_length_and_every_split_equals_whole(source, target, num_samples, sizes, channels):
    sound = tones(num_samples, channels)
    whole = resample(sound, source, target)
    assert whole.dtype == np.float32
    assert whole.shape == (channels, -(-num_samples * target // source))
    assert whole.shape[1] == resampled_length(num_samples, source, target)
    assert np.array_equal(resample(sound, source, target, sizes), whole)


@pytest.mark.parametrize("source", RATES)
def test_both_ways_around_44100(source):
    for num_samples in (0, 1, 2, 1000):
        assert resample(tones(num_samples, 1), source, 44100).shape[1] == -(-num_samples * 44100 // source)
        assert resample(tones(num_samples, 1), 44100, source).shape[1] == -(-num_samples * source // 44100)


def test_equal_rates_pass_untouched():
    sound = tones(500)
    assert np.array_equal(resample(sound, 44100, 44100, [100]), sound)


PAIRS = [(48000, 44100), (44100, 48000), (11025, 44100), (44056, 44100), (192000, 8000)]


@pytest.mark.parametrize("source, target", PAIRS)
def test_sound_stays_where_it_was(source, target):
    seconds = 0.5
    when = np.arange(int(source * seconds)) / source
    expected_when = np.arange(resampled_length(len(when), source, target)) / target

    def signal(time):
        return np.sin(2 * np.pi * 1000 * time) * np.exp(-(((time - 0.2) / 0.05) ** 2))

    result = resample(signal(when)[None].astype(np.float32), source, target)
    np.testing.assert_allclose(result[0], signal(expected_when), atol=2e-5)


def test_round_trip_48k_44k_48k_changes_nothing_audible():
    time = np.arange(48000) / 48000
    sound = sum(np.sin(2 * np.pi * pitch * time + pitch) for pitch in (50, 440, 5000, 12000))
    sound = (0.2 * sound)[None].astype(np.float32)
    again = resample(resample(sound, 48000, 44100), 44100, 48000)
    inner = slice(1000, -1000)
    noise = np.mean((again[:, inner] - sound[:, inner]) ** 2) / np.mean(sound[:, inner] ** 2)
    assert 10 * np.log10(noise) < -100


def test_the_end_rings_out_instead_of_breaking_off():
    tone = np.sin(2 * np.pi * 440 * np.arange(48001) / 48000)[None].astype(np.float32)
    result = resample(tone, 48000, 44100)
    expected = np.sin(2 * np.pi * 440 * np.arange(result.shape[1]) / 44100)
    assert np.abs(result[0, -3:] - expected[-3:]).max() < 0.2
