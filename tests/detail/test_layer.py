"""From a recording and a base to integers, and back to a better sound."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.detail import gains, mdct, rounding
from nac_cli.detail.analysis import Analysis
from nac_cli.detail.partition import choose_sizes
from nac_cli.detail.shapes import SHAPES
from nac_cli.detail.synthesis import add_detail, padded
from nac_cli.detail_layer import SHAPES as NUM_SHAPES
from nac_cli.detail_layer import DetailLayer, band_edges, empty_lines, superframe_length
from nac_cli.kernels.compiling import plain
from nac_cli.kernels.detail import kernels, room
from nac_cli.kernels.detail.fields import BLOCKS, MARGIN
from tests.detail.scenes import RATE, analysis, costs, pair


def blocks(superframe: int = 2048) -> np.ndarray:
    return np.zeros((BLOCKS, superframe + MARGIN), np.int64)


def distortion(sound: np.ndarray, decoded: np.ndarray) -> float:
    return float(np.mean((sound - decoded) ** 2))


def empty_layer(samples: int, rate: int) -> DetailLayer:
    superframe = superframe_length(rate)
    count = len(padded(np.zeros(samples), rate)) // superframe
    bands = len(band_edges(superframe)) - 1
    sizes = np.full(count, superframe)
    return DetailLayer(
        255, 0, sizes, np.full(bands, 7), np.zeros(sizes.sum(), np.int32), np.zeros((count, bands), np.int64)
    )


@pytest.mark.parametrize("samples", [1, 2047, 2048, 2049, 9000])
def test_a_layer_of_nothing_changes_nothing(samples):
    _, base = pair(samples)
    np.testing.assert_allclose(add_detail(base, empty_layer(samples, RATE), RATE), base, atol=1e-5)


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 32000, 44100, 48000, 96000])
def test_smaller_steps_come_nearer_at_every_rate(rate):
    sound, base = pair(rate // 2, rate)
    made = analysis(rate // 2, rate)
    errors = [distortion(sound, add_detail(base, made.layer(step), rate)) for step in (144, 120, 96, 72)]
    assert errors[0] < distortion(sound, base)
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-3


def test_fine_steps_lead_to_the_recording_itself():
    sound, base = pair(10000)
    np.testing.assert_allclose(add_detail(base, analysis(10000).layer(40), RATE), sound, atol=5e-3)


def test_smaller_steps_cost_more_bits():
    made = analysis()
    bits = [made.levels(step)[1] for step in range(60, 160, 10)]
    assert bits == sorted(bits, reverse=True)


def test_short_blocks_stand_at_sudden_sounds_and_long_ones_in_tones():
    times = np.arange(8 * 2048) / RATE
    tone = np.sin(2 * np.pi * 441 * times)
    struck = tone * 0.01
    struck[5 * 2048 + 1200] += 30
    sizes = choose_sizes(struck, np.zeros_like(struck) + 1e-3, 0.1, SHAPES[0], 2048, RATE)
    ends = np.cumsum(sizes)
    assert sizes[np.searchsorted(ends, 5 * 2048 + 1200, side="right")] == 256
    steady = choose_sizes(tone, 0.9 * tone, 0.1, SHAPES[0], 2048, RATE)
    assert steady[steady == 2048].sum() > 0.5 * steady.sum()


def test_blocks_fill_superframes_as_a_tree():
    sizes = analysis().blocks.sizes
    ends = np.cumsum(sizes)
    assert np.all((ends - sizes) % sizes == 0)


def test_bands_without_levels_keep_the_recording_s_energy():
    """The base is 9 dB too soft: gains make up for it, within half of their step, where nothing is coded."""
    sound, _ = pair(40960)
    quiet = 10 ** (-9 / 20) * sound
    made = Analysis(sound, quiet, RATE, 255, 0, costs())
    layer = made.layer(255, gain_trade=0.0)
    assert not layer.levels.any()
    lines = mdct.forward(sound, made.blocks.sizes)
    loud = made.blocks.superframe_sums(lines**2) > 1e-3
    assert np.all(layer.gains[loud] == 3)
    decoded = add_detail(quiet, layer, RATE)
    assert 10 * np.log10(np.mean(decoded**2) / np.mean(sound**2)) == pytest.approx(0, abs=0.2)


def test_gains_that_cost_too_much_are_zero():
    made = analysis()
    levels, _ = made.levels(140)
    assert np.any(made.gains(levels, 140, trade=0.05))
    assert not np.any(made.gains(levels, 140, trade=1e6))


def test_dearer_gains_cost_fewer_bits_as_told_beforehand():
    made = analysis()
    levels, _ = made.levels(140)
    trades = (0.05, 0.2, 0.8, 1e9)
    bits = made.gain_bits(levels, 140, trades)
    assert (np.diff(bits) < 0).all()
    for trade, expected in zip(trades, bits):
        chosen = made.gains(levels, 140, trade) + 4
        before, below = np.full_like(chosen, 4), np.full_like(chosen, 4)
        before[1:], below[:, 1:] = chosen[:-1], chosen[:, :-1]
        there = empty_lines(levels, made.blocks.sizes, made.superframe) > 0
        assert costs().gains[before, below, chosen][there].sum() == pytest.approx(expected)


def test_full_bands_have_no_gain():
    made = analysis()
    layer = made.layer(90, gain_trade=0.0)
    full = empty_lines(layer.levels, layer.sizes, 2048) == 0
    assert full.any()
    assert not layer.gains[full].any()


def test_plain_python_rounds_to_the_same_levels():
    made = analysis(4096)
    fast, slow = np.zeros((2, 4096), np.int32)
    ratios = 3 * np.random.default_rng(0).standard_normal(4096).astype(np.float32) ** 3
    arguments = ratios, made.blocks.sizes, rounding.zones(2048), costs().levels, 0.1
    bits = kernels().round_levels(*arguments, fast, blocks())
    assert plain(room).round_levels(*arguments, slow, blocks()) == pytest.approx(bits)
    assert np.array_equal(fast, slow)
    assert np.count_nonzero(fast) > 50


def test_rounding_counts_what_it_costs():
    """The table that is made of counts measures the same levels as the counting does."""
    made = analysis()
    levels, _ = made.levels(110)
    counts = np.zeros((16, 11, 18))
    kernels().count_levels(levels, made.blocks.sizes, rounding.zones(2048), counts, blocks())
    assert counts.sum() == len(levels)
    table = rounding.cost_table(counts)
    ratios = levels.astype(np.float32)
    again = np.zeros_like(levels)
    bits = kernels().round_levels(ratios, made.blocks.sizes, rounding.zones(2048), table, 0.0, again, blocks())
    assert np.array_equal(again, levels)
    beyond = np.maximum(np.abs(levels) - 16, 0)
    escapes = 2 * np.log2(beyond[beyond > 0] + 1).sum()
    assert bits == pytest.approx((counts * table).sum() + escapes, rel=1e-6)


def test_gain_tables_know_what_is_frequent():
    counts = np.zeros((9, 9, 9))
    values = np.full((20, 5), 1)
    gains.count_gains(values, np.full((20, 5), 2), counts)
    table = gains.cost_table(counts)
    assert table[5, 5, 5] < 0.5 < 3 < table[5, 5, 2]


def test_every_shape_index_has_a_shape():
    assert len(SHAPES) == NUM_SHAPES
