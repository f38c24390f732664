"""Layers -> tables: what the coder knows after all of them, and what levels and gains cost in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nac_cli.detail import gains, rounding
from nac_cli.detail_layer import DetailLayer, empty_lines, superframe_length
from nac_cli.entropy.detail.payload import learn
from nac_cli.entropy.detail.tables import Tables, with_counts_held
from nac_cli.kernels.detail import kernels
from nac_cli.kernels.detail.fields import ACTIVITIES, BLOCKS, MARGIN, MOST_GAIN, SYMBOLS, ZONES

HELD_COUNT = 24
"""Most that a count is at the start of a layer: so soon does a layer of another kind change what was learnt."""


def learnt(layers: Sequence[DetailLayer], sample_rate: int, start: Tables) -> Tables:
    """The tables after the coder has gone from `start` through all `layers`, with costs counted in them."""
    tables = start
    for layer in layers:
        tables = tables.copied()
        learn(layer, sample_rate, tables)
        tables = with_counts_held(tables, HELD_COUNT)
    superframe = superframe_length(sample_rate)
    levels, gain = _level_counts(layers, superframe), _gain_counts(layers, superframe)
    return replace(tables, level_costs=rounding.cost_table(levels), gain_costs=gains.cost_table(gain))


def _level_counts(layers: Sequence[DetailLayer], superframe: int) -> np.ndarray:
    """`[16, 11, 18]`: how often each level was met, by what is around it and where it lies."""
    counts = np.zeros((ACTIVITIES, ZONES, SYMBOLS))
    for layer in layers:
        blocks = np.zeros((BLOCKS, superframe + MARGIN), np.int64)
        kernels().count_levels(layer.levels, layer.sizes, rounding.zones(superframe), counts, blocks)
    return counts


def _gain_counts(layers: Sequence[DetailLayer], superframe: int) -> np.ndarray:
    """`[9, 9, 9]`: how often each gain was met, by the one before and the one below."""
    counts = np.zeros((2 * MOST_GAIN + 1,) * 3)
    for layer in layers:
        gains.count_gains(layer.gains, empty_lines(layer.levels, layer.sizes, superframe), counts)
    return counts
