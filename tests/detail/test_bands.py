"""Bands: the same for every length of block, and back to lines."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.detail.bands import Blocks
from nac_cli.detail_layer import band_edges, empty_lines, padded_length, superframe_length

SUPERFRAME = 2048
SIZES = np.array([2048, 256, 256, 512, 1024, 1024, 1024])


@pytest.mark.parametrize(
    ("rate", "samples"),
    [(8000, 256), (16000, 512), (24000, 1024), (44100, 2048), (48000, 2048), (96000, 4096), (192000, 8192)],
)
def test_superframes_last_about_a_twentieth_of_a_second(rate, samples):
    assert superframe_length(rate) == samples


@pytest.mark.parametrize("superframe", [64, 256, 1024, 2048, 4096, 8192])
def test_bands_cover_all_lines_without_gaps(superframe):
    edges = band_edges(superframe)
    assert edges[0] == 0
    assert edges[-1] == superframe // 8
    assert np.all(np.diff(edges) > 0)


def test_lengths_are_padded_to_whole_superframes():
    assert [padded_length(n, 44100) for n in (1, 2048, 2049)] == [2048, 2048, 4096]


def test_sums_and_widths():
    blocks = Blocks(SIZES, SUPERFRAME)
    ones = np.ones(SIZES.sum())
    assert np.array_equal(blocks.sums(ones), blocks.widths())
    assert np.array_equal(blocks.sums(ones).sum(axis=1), SIZES)


def test_a_band_s_value_reaches_exactly_its_lines():
    blocks = Blocks(SIZES, SUPERFRAME)
    values = np.random.default_rng(0).standard_normal((len(SIZES), len(band_edges(SUPERFRAME)) - 1))
    np.testing.assert_allclose(blocks.sums(blocks.steps(values)), values * blocks.widths(), rtol=1e-5)


def test_slopes_meet_the_values_in_the_middle_of_bands():
    blocks = Blocks(np.array([2048]), SUPERFRAME)
    edges = band_edges(SUPERFRAME) * 8
    values = np.arange(len(edges) - 1.0)
    lines = blocks.slopes(values[None])
    middles = (edges[1:] + edges[:-1]) // 2
    np.testing.assert_allclose(lines[middles], values, atol=0.1)


def test_lines_without_level_are_counted_by_superframe_and_band():
    sizes = np.array([2048, 256, 256, 512, 1024, 2048])
    levels = np.zeros(sizes.sum(), np.int32)
    levels[:8] = 1  # all of the lowest band of a long block
    levels[2048] = 5  # one line of it in the first of four shorter ones
    empty = empty_lines(levels, sizes, SUPERFRAME)
    assert empty[:, 0].tolist() == [0, 1, 2]
    assert np.all(empty[:, 1:] == 2)


def test_sums_of_superframes():
    blocks = Blocks(SIZES, SUPERFRAME)
    lines = np.random.default_rng(1).standard_normal(SIZES.sum())
    np.testing.assert_allclose(blocks.superframe_sums(lines).sum(axis=1), lines.reshape(-1, SUPERFRAME).sum(axis=1))
