"""What goes in comes out with its exact shape, whatever the length, rate and channels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nac_cli
from tests.helpers.sounds import HOP, noise
from tests.helpers.streams import compressed, decoded


def test_every_length_up_to_three_hops_comes_back(tiny):
    sound = noise(1, 3 * HOP + 1).samples
    for length in range(3 * HOP + 2):
        back = decoded(compressed(nac_cli.Waveform(sound[:, :length], 44_100), tiny))
        assert back.samples.shape == (1, length)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    channels=st.integers(1, 8),
    length=st.integers(0, 40_000),
    sample_rate=st.sampled_from([8000, 11_025, 16_000, 22_050, 37_800, 44_056, 44_100, 48_000, 96_000, 192_000]),
)
def test_any_shape_comes_back(tiny, channels, length, sample_rate):
    sound = noise(channels, length, sample_rate)
    back = decoded(compressed(sound, tiny))
    assert back.samples.shape == sound.samples.shape
    assert back.sample_rate == sample_rate
    assert np.isfinite(back.samples).all()


def test_digital_silence_costs_next_to_nothing_and_stays_silence(tiny):
    silence = nac_cli.Waveform(np.zeros((2, 60 * 44_100), np.float32), 44_100)
    data = compressed(silence, tiny, planes=4)
    assert len(data) < 500
    assert not decoded(data).samples.any()


def test_silence_within_sound_is_silent(tiny):
    sound = noise(1, 4 * 44_100).samples.copy()
    sound[:, 44_100:-44_100] = 0
    back = decoded(compressed(nac_cli.Waveform(sound, 44_100), tiny)).samples
    steps = 32 * HOP
    assert not back[:, 44_100 + steps : -44_100 - steps].any()
    assert np.abs(back[:, :22_050]).max() > 0


def test_a_mono_recording_in_stereo_has_an_absent_residual(tiny):
    mono = noise(1, 44_100)
    stereo = nac_cli.Waveform(np.repeat(mono.samples, 2, axis=0), 44_100)
    data = compressed(stereo, tiny)
    assert nac_cli.info(io.BytesIO(data)).depths == (2.0, 0.0)
    back = decoded(data).samples
    assert np.abs(back[0] - back[1]).max() < 1e-6


@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 0.5), (9.9, 10.2), (12.3, 20.5), (24.0, 25.0), (3.0, None), (25.0, None)]
)
@pytest.mark.parametrize("sample_rate", [44_100, 48_000, 16_000])
def test_a_range_is_a_slice_of_the_whole(tiny, long_sounds, sample_rate, start, end):
    data, whole = long_sounds(sample_rate)
    first = round(start * sample_rate)
    stop = whole.shape[1] if end is None else round(end * sample_rate)
    part = decoded(data, start=start, end=end).samples
    assert part.shape == (whole.shape[0], stop - first)
    if part.size:
        assert np.abs(part - whole[:, first:stop]).max() < 1e-4


@pytest.fixture(scope="module")
def long_sounds(models):
    """25 s of stereo at a rate: the file and the whole decoded, made once."""
    made = {}

    def make(sample_rate: int):
        if sample_rate not in made:
            data = compressed(noise(2, 25 * sample_rate, sample_rate), str(models / "nac-44k-tiny.safetensors"))
            made[sample_rate] = data, decoded(data).samples
        return made[sample_rate]

    return make


def test_a_range_outside_of_the_sound_is_an_error(tiny):
    data = compressed(noise(1, 44_100), tiny)
    with pytest.raises(nac_cli.NacError, match="behind the end"):
        decoded(data, start=2.0)
    with pytest.raises(nac_cli.NacError, match="start <= end"):
        decoded(data, start=0.8, end=0.2)


def test_nan_and_infinity_are_replaced_and_reported(tiny):
    sound = noise(1, 44_100).samples.copy()
    sound[0, 100:103] = [np.nan, np.inf, -np.inf]
    report = nac_cli.compress(nac_cli.Waveform(sound, 44_100), io.BytesIO(), model=tiny, planes=1)
    assert any(message.startswith("3 samples were NaN") for message in report.messages)
