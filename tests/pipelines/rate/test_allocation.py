"""A bitrate is a promise on the file."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nac_cli
from nac_cli.errors import UsageError
from nac_cli.pipelines.rate.allocation import DepthChoices, allocate
from tests.helpers.sounds import music, noise
from tests.helpers.streams import compressed


@pytest.mark.parametrize(
    ("channels", "sample_rate", "bitrate"),
    [(1, 44_100, 900), (1, 44_100, 1500), (1, 16_000, 1900), (2, 44_100, 1500), (2, 48_000, 3000), (3, 22_050, 4500)],
)
def test_the_file_keeps_to_the_bitrate(tiny, channels, sample_rate, bitrate):
    sound = music(channels, 21, sample_rate)
    data = compressed(sound, tiny, planes=None, bitrate=bitrate)
    assert 0.95 * bitrate <= 8 * len(data) / sound.duration <= bitrate


@pytest.mark.parametrize("bitrate", [100, 500, 3000, 16_000])
def test_a_bitrate_out_of_range_names_the_range(tiny, bitrate):
    sound = music(1, 21, 44_100)
    with pytest.raises(UsageError, match=r"takes (\d+) to (\d+) bit/s") as caught:
        compressed(sound, tiny, planes=None, bitrate=bitrate)
    low, high = map(int, caught.value.args[0].split("takes ")[1].split(" bit/s")[0].split(" to "))
    assert bitrate < low or bitrate > high
    for possible in (low, high):
        data = compressed(sound, tiny, planes=None, bitrate=possible)
        assert 0.95 * possible <= 8 * len(data) / sound.duration <= possible


@pytest.mark.parametrize("length", [1, 100, 2000, 20_000])
def test_a_very_short_sound_needs_no_bitrate_but_can_miss_one(tiny, length):
    sound = noise(1, length)
    assert len(compressed(sound, tiny, planes=None)) < 200 + 2 * sound.duration * 6000 / 8
    if length <= 2000:
        with pytest.raises(UsageError, match="cannot be met"):
            compressed(sound, tiny, planes=None, bitrate=1500)


def test_more_planes_than_there_are_is_an_error(tiny):
    with pytest.raises(UsageError, match="1 to 4 planes"):
        compressed(noise(1, 44_100), tiny, planes=5)


def test_bits_go_where_the_sound_is(tiny):
    sound = music(1, 21, 44_100).samples.copy()
    sound[:, 10 * 44_100 :] *= 1e-3
    file = io.BytesIO()
    nac_cli.compress(nac_cli.Waveform(sound, 44_100), file, model=tiny, bitrate=1300)
    from nac_cli.container import ContainerReader
    from nac_cli.entropy import unpack_side

    reader = ContainerReader(io.BytesIO(file.getvalue()))
    depths = [unpack_side(r.payload, r.num_frames, reader.info).depths[0] for r in reader.chunks()]
    assert depths[0].mean() > depths[1].mean()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_allocator_never_overspends_and_wastes_little(data):
    count, planes = data.draw(st.integers(1, 30)), data.draw(st.integers(1, 6))
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    bits = np.concatenate((np.zeros((count, 1)), rng.uniform(50, 100, (count, planes)).cumsum(axis=1)), axis=1)
    distortion = np.sort(rng.uniform(0, 1, (count, planes + 1)), axis=1)[:, ::-1]
    least = rng.integers(0, 2, count)
    choices = DepthChoices(bits, distortion, least)
    low, high = choices.total_bits(least), choices.total_bits(np.full(count, planes))
    budget = data.draw(st.floats(low, high))
    depths = allocate(choices, budget)
    assert (depths >= least).all()
    assert choices.total_bits(depths) <= budget + 1e-6
    upgradable = depths < planes
    if upgradable.any():
        assert budget - choices.total_bits(depths) < 100 * planes


def test_the_allocator_finds_the_best_split_of_two_steps():
    bits = np.array([[0.0, 10, 20], [0, 10, 20]])
    distortion = np.array([[9.0, 1, 0.9], [9, 5, 1]])
    depths = allocate(DepthChoices(bits, distortion, np.zeros(2, int)), 30)
    assert depths.tolist() == [1, 2]
