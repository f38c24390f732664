from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.audio import angle_ramp, principal_angle, rotate, unrotate
from tests.helpers.sounds import tones

nodes = st.integers(0, 63)
UNIT = 2 * math.pi / 64


@given(nodes, nodes, st.integers(0, 300))
def test_unrotate_undoes_rotate(start, end, num_samples):
    pair = tones(num_samples)
    angles = angle_ramp(start, end, 0, num_samples, num_samples)
    rotated = rotate(pair, angles)
    assert rotated.dtype == np.float32 and rotated.shape == pair.shape
    np.testing.assert_allclose(unrotate(rotated, angles), pair, atol=1e-6)


def test_rotation_keeps_energy_and_angle_zero_changes_nothing():
    pair = tones(1000)
    assert np.array_equal(rotate(pair, np.zeros(1000)), pair)
    assert np.sum(rotate(pair, np.full(1000, 11 * UNIT)) ** 2) == pytest.approx(np.sum(pair**2), rel=1e-5)


@given(nodes, nodes, st.integers(1, 500), st.data())
def test_ramp_is_the_same_in_every_split(start, end, length, data):
    whole = angle_ramp(start, end, 0, length, length)
    cut = data.draw(st.integers(0, length))
    parts = [angle_ramp(start, end, 0, cut, length), angle_ramp(start, end, cut, length, length)]
    assert np.array_equal(np.concatenate(parts), whole)


@given(nodes, nodes)
def test_ramp_goes_from_node_to_node_the_shorter_way(start, end):
    first, last = angle_ramp(start, end, 0, 1, 1000)[0], angle_ramp(start, end, 1000, 1001, 1000)[0]
    assert first == pytest.approx(start * UNIT)
    assert math.cos(last - end * UNIT) == pytest.approx(1)
    assert abs(last - first) <= 32 * UNIT + 1e-9


def test_ramp_to_the_opposite_node_goes_upwards():
    assert angle_ramp(40, 8, 0, 101, 100)[-1] == pytest.approx(72 * UNIT)
    assert angle_ramp(8, 40, 0, 101, 100)[-1] == pytest.approx(40 * UNIT)


def test_next_chunk_begins_where_the_ramp_ends():
    before, after = angle_ramp(60, 4, 0, 1000, 1000), angle_ramp(4, 9, 0, 1000, 1000)
    assert abs(math.remainder(after[0] - before[-1], 2 * math.pi)) < 0.01 * UNIT


def test_mono_as_stereo_leaves_no_residual():
    left = tones(5000, channels=1)[0]
    pair = np.stack([left, left])
    node = principal_angle(pair, None)
    assert node == 8
    assert np.all(rotate(pair, angle_ramp(node, node, 0, 5000, 5000))[1] == 0)


@pytest.mark.parametrize("left, right, node", [(1, 0, 0), (0, 1, 16), (1, 1, 8), (1, -1, 56), (1, 0.4142, 4)])
def test_direction_of_panned_sound(left, right, node):
    tone = tones(4000, channels=1)[0]
    assert principal_angle(np.stack([left * tone, right * tone]), None) == node


@given(st.floats(0, 2 * math.pi), nodes)
def test_the_equivalent_direction_nearer_to_the_previous_is_taken(angle, previous):
    tone = tones(500, channels=1)[0]
    node = principal_angle(np.stack([math.cos(angle) * tone, math.sin(angle) * tone]), previous)
    assert min((node - previous) % 64, (previous - node) % 64) <= 16
    apart = (angle / UNIT - node) % 32
    assert min(apart, 32 - apart) <= 0.51


def test_no_clear_direction_keeps_the_previous_angle():
    noise = np.random.default_rng(1).standard_normal((2, 50000)).astype(np.float32)
    silence = np.zeros((2, 100), np.float32)
    for pair in (noise, silence, np.zeros((2, 0), np.float32)):
        assert principal_angle(pair, None) == 8
        assert principal_angle(pair, 21) == 21
