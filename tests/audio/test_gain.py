from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.audio import LevelMeter, gain_curve, level_nodes
from tests.helpers.sounds import tones

node_lists = st.lists(st.integers(0, 255), min_size=1, max_size=8)


@given(node_lists, st.integers(1, 200), st.data())
def test_curve_is_the_same_in_every_split_and_undone_by_division(nodes, spacing, data):
    length = (len(nodes) - 1) * spacing + data.draw(st.integers(0, 50))
    whole = gain_curve(np.array(nodes), spacing, 0, length)
    cut = data.draw(st.integers(0, length))
    parts = [gain_curve(np.array(nodes), spacing, 0, cut), gain_curve(np.array(nodes), spacing, cut, length)]
    assert whole.dtype == np.float32 and whole.shape == (length,)
    assert np.array_equal(np.concatenate(parts), whole)
    sound = tones(length, channels=1)
    np.testing.assert_allclose(sound / whole * whole, sound, rtol=1e-6)


def test_curve_runs_straight_in_decibels():
    curve = gain_curve(np.array([150, 130, 136]), 100, 0, 201)
    decibels = 20 * np.log10(curve)
    np.testing.assert_allclose(decibels[[0, 50, 100, 150, 200]], [0, -10, -20, -17, -14], atol=1e-4)
    assert np.abs(np.diff(decibels)).max() < 0.21


@given(st.integers(0, 400), st.integers(1, 3), st.lists(st.integers(0, 130), max_size=8))
def test_nodes_do_not_depend_on_the_split(num_samples, channels, sizes):
    sound = tones(num_samples, channels)
    whole = level_nodes(sound, spacing=64)
    assert whole.shape == (channels, -(-num_samples // 64) + 1)
    meter, at, parts = LevelMeter(channels, 64), 0, []
    for size in [*sizes, num_samples]:
        parts.append(meter.push(sound[:, at : at + size]))
        at += size
    assert np.array_equal(np.concatenate([*parts, meter.finish()], axis=1), whole)


def test_nodes_come_as_soon_as_they_are_certain():
    meter = LevelMeter(1, 100)
    assert meter.push(tones(99, 1)).shape == (1, 0)
    assert meter.push(tones(1, 1)).shape == (1, 1)
    assert meter.push(tones(250, 1)).shape == (1, 2)
    assert meter.finish().shape == (1, 2)


@pytest.mark.parametrize("level", [0, -6, -30, -69])
def test_nodes_measure_the_rms_level(level):
    sound = np.full((1, 1050), 10 ** (level / 20), np.float32)
    assert np.all(level_nodes(sound, 100) == 150 + level)


def test_quiet_sound_is_not_blown_up():
    assert np.all(level_nodes(np.full((2, 500), 1e-5, np.float32), 100) == 80)
    assert np.all(level_nodes(np.zeros((2, 500), np.float32), 100) == 80)
    assert np.all(level_nodes(np.zeros((2, 0), np.float32), 100) == [[80], [80]])


def test_a_node_hears_its_neighbourhood_only():
    sound = np.zeros((1, 1000), np.float32)
    sound[:, 400:500] = 0.5
    nodes = level_nodes(sound, 100)[0]
    assert np.all(nodes[[4, 5]] > 138)
    assert np.all(nodes[[0, 1, 2, 3, 6, 7, 8, 9, 10]] == 80)


def test_levelled_sound_has_an_even_level():
    envelope = 10 ** (np.linspace(-50, -3, 100_000) / 20)
    sound = (tones(100_000, 1) * envelope).astype(np.float32)
    levelled = sound / gain_curve(level_nodes(sound, 5000)[0], 5000, 0, 100_000)
    parts = np.sqrt(np.mean(levelled.reshape(20, -1) ** 2, axis=1))
    assert parts.max() / parts.min() < 1.2
