"""Layers -> tables: what the coder knows after all of them, and what levels and gains cost in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from nac_cli.detail import gains, rounding
from nac_cli.detail_layer import DetailLayer, empty_lines, superframe_length
from nac_cli.entropy.detail.payload import learn
from nac_cli.entropy.detail.tables import LEARNT, Tables
from nac_cli.kernels.detail import kernels
from nac_cli.kernels.detail.fields import (
    ACTIVITIES,
    BLOCKS,
    COUNT_BITS,
    MARGIN,
    MOST_COUNT,
    MOST_GAIN,
    SYMBOLS,
    ZONES,
)

HELD_COUNT = 24
"""Most that a count is at the start of a layer: so soon does a layer of another kind change what was learnt."""
FADING = 0.75
"""The n-th layer that changes a number moves it by n^-0.75 of the way: a mean in which later layers, which began with
better tables, count a little more."""


def learnt(layers: Sequence[DetailLayer], sample_rate: int, start: Tables) -> Tables:
    """The tables that `layers` teach, with costs counted in them.

    The coder goes through each layer from the tables so far, and these move towards what it ends with: a mean over the
    layers, without which the last one would be remembered best.
    """
    tables, visits = start, {name: np.zeros(getattr(start, name).shape, np.int64) for name in LEARNT}
    for layer in layers:
        after = tables.copied()
        learn(layer, sample_rate, after)
        moved: dict[str, Any] = {}
        for name in LEARNT:
            move = _moved_entries if name.endswith("entries") else _moved
            moved[name] = move(getattr(tables, name), getattr(after, name), visits[name])
        tables = replace(tables, **moved)
    superframe = superframe_length(sample_rate)
    levels, gain = _level_counts(layers, superframe), _gain_counts(layers, superframe)
    return replace(tables, level_costs=rounding.cost_table(levels), gain_costs=gains.cost_table(gain))


def _moved(before: np.ndarray, after: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Integers on their way from `before` to `after`; `visits` counts how often each has changed."""
    visits += before != after
    share = np.maximum(visits, 1.0) ** -FADING
    return before + np.round((after - before) * share).astype(np.int64)


def _moved_entries(before: np.ndarray, after: np.ndarray, visits: np.ndarray) -> np.ndarray:
    """Probabilities on their way, and the counts that they have got to."""
    probabilities = _moved(before >> COUNT_BITS, after >> COUNT_BITS, visits)
    counts = np.minimum(after & MOST_COUNT, HELD_COUNT)
    return (probabilities << COUNT_BITS | counts).astype(np.int32)


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
