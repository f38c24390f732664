"""The lapped transform: known vectors, exact reconstruction across any blocks, energy, what crosses a boundary."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.fft import dct

from nac_cli.detail import mdct

SIZES = st.lists(st.sampled_from([16, 32, 64, 128]), min_size=1, max_size=12)


@given(sizes=SIZES, seed=st.integers(0, 2**16))
def test_any_blocks_give_the_sound_back(sizes, seed):
    sound = np.random.default_rng(seed).standard_normal(sum(sizes))
    np.testing.assert_allclose(mdct.inverse(mdct.forward(sound, sizes), sizes), sound, atol=1e-12)


@given(sizes=SIZES, seed=st.integers(0, 2**16))
def test_errors_of_coefficients_have_the_energy_of_errors_of_the_sound(sizes, seed):
    sound = np.random.default_rng(seed).standard_normal(sum(sizes))
    assert np.sum(mdct.forward(sound, sizes) ** 2) == pytest.approx(np.sum(sound**2))


def test_a_single_block_is_a_dct_2():
    sound = np.random.default_rng(1).standard_normal(64)
    np.testing.assert_allclose(mdct.forward(sound, [64]), dct(sound, 2, norm="ortho"), atol=1e-12)


def test_rows_are_a_dct_4():
    rows = np.random.default_rng(2).standard_normal((3, 32))
    np.testing.assert_allclose(mdct.dct4(rows), dct(rows, 4, norm="ortho", axis=1), atol=1e-12)


def test_equal_blocks_are_the_mdct_of_its_definition():
    """sqrt(2 / M) sum of w[n] x[n] cos(pi / M (n + 1/2 + M/2) (k + 1/2)) over 2 M samples, with the opposite sign of
    time that lapped transforms have: the block's left edge is the even one."""
    size = 16
    sound = np.random.default_rng(3).standard_normal(4 * size)
    coefficients = mdct.forward(sound, [size] * 4)[size : 2 * size]
    kept, given_away = mdct.slope(size)
    rising = np.concatenate((given_away[::-1], kept))
    window = np.concatenate((rising, rising[::-1]))
    around = sound[size // 2 : size // 2 + 2 * size] * window
    places, lines = np.arange(2 * size), np.arange(size)
    kernel = np.cos(np.pi / size * np.outer(lines + 0.5, places + 0.5 - size / 2))
    np.testing.assert_allclose(coefficients, np.sqrt(2 / size) * kernel @ around, atol=1e-12)


def test_a_constant_has_one_line_in_the_last_block():
    """The end is continued evenly: nothing leaks into high lines there."""
    lines = mdct.forward(np.ones(64), [64])
    assert lines[0] == pytest.approx(8)
    assert np.abs(lines[1:]).max() < 1e-12


def test_slopes_are_power_complementary_and_as_short_as_the_shorter_block():
    kept, given_away = mdct.slope(32)
    np.testing.assert_allclose(kept**2 + given_away**2, 1)
    click = np.zeros(96)
    click[20] = 1  # 12 before the boundary of a block of 64, lapped by 8 with one of 16
    sizes = [32, 16, 16, 32]
    touched = np.flatnonzero(
        [np.any(np.abs(part) > 1e-12) for part in np.split(mdct.forward(click, sizes), [32, 48, 64])]
    )
    assert touched.tolist() == [0]


def test_a_steady_tone_is_a_few_lines_of_a_long_block():
    tone = np.sin(2 * np.pi * 0.05 * np.arange(4096))
    lines = mdct.forward(tone, [1024] * 4)[1024:2048] ** 2
    assert np.sort(lines)[-4:].sum() > 0.97 * lines.sum()
