"""The encoder's side: a recording and the base's sound of it -> the integers of a layer, at any quantisation step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nac_cli.detail import mdct
from nac_cli.detail.bands import Blocks
from nac_cli.detail.envelope import log_steps
from nac_cli.detail.gains import SILENCE
from nac_cli.detail.partition import choose_sizes
from nac_cli.detail.rounding import zones
from nac_cli.detail.shapes import SHAPES
from nac_cli.detail.synthesis import GAIN_DECIBELS, fill, padded, prediction, step_size
from nac_cli.detail_layer import PREDICTIONS, DetailLayer, empty_lines, superframe_length
from nac_cli.kernels.detail import kernels
from nac_cli.kernels.detail.fields import BLOCKS, MARGIN

LEVEL_TRADE = 0.115
"""Squared steps that a bit of levels is worth."""
GAIN_TRADE = 0.1
"""Squared gain steps that a bit of gains is worth."""
MOST_RATIO = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Costs:
    """About what levels and gains cost in the coder, in bits: `[16, 11, 18]` and `[9, 9, 9]`."""

    levels: np.ndarray
    gains: np.ndarray


class Analysis:
    """A chunk of one channel, its blocks chosen for steps near `step`: the levels and gains for any other step.

    `sound` and `base` `[T']` at about unit level; nothing but the chunk itself is looked at. Coefficients are kept in
    half precision, since a file has many: 66 dB below their size, finer than any step that is used.
    """

    def __init__(
        self, sound: np.ndarray, base: np.ndarray, sample_rate: int, step: int, shape: int, costs: Costs
    ) -> None:
        self.sample_rate, self.shape, self.costs = sample_rate, shape, costs
        self.superframe = superframe_length(sample_rate)
        sound, base = padded(sound, sample_rate), padded(base, sample_rate)
        sizes = choose_sizes(sound, base, step_size(step), SHAPES[shape], self.superframe, sample_rate)
        self.blocks = Blocks(sizes, self.superframe)
        lines, base_lines = mdct.forward(sound, sizes), mdct.forward(base, sizes)
        self._base = base_lines.astype(np.float16)
        steps = self._unit_steps(base_lines)
        self.predictions = _predictions(lines, base_lines, steps, self.blocks)
        ratios = (lines - base_lines * prediction(self.predictions, self.blocks)) / steps
        self._ratios = np.clip(ratios, -MOST_RATIO, MOST_RATIO).astype(np.float16)

    def levels(self, step: int, trade: float = LEVEL_TRADE) -> tuple[np.ndarray, float]:
        """Levels int32 `[T]` at a step, and about how many bits they cost: one fast loop."""
        levels = np.empty(len(self._ratios), np.int32)
        ratios = self._ratios.astype(np.float32)
        ratios *= 1 / step_size(step)
        blocks = np.zeros((BLOCKS, self.superframe + MARGIN), np.int64)
        bits = kernels().round_levels(
            ratios, self.blocks.sizes, zones(self.superframe), self.costs.levels, trade, levels, blocks
        )
        return levels, float(bits)

    def gains(self, levels: np.ndarray, step: int, trade: float = GAIN_TRADE) -> np.ndarray:
        """Gains int64 `[superframes, N]` that go with these levels."""
        return self._chosen(*self._wanted_gains(levels, step), trade)[0]

    def gain_bits(self, levels: np.ndarray, step: int, trades: Sequence[float]) -> np.ndarray:
        """About how many bits the gains would cost at each of `trades`, float64."""
        wanted = self._wanted_gains(levels, step)
        return np.array([self._chosen(*wanted, trade)[1] for trade in trades])

    def _chosen(self, wanted: np.ndarray, weights: np.ndarray, trade: float) -> tuple[np.ndarray, float]:
        gains = np.zeros(wanted.shape, np.int64)
        return gains, kernels().choose_gains(wanted, weights, self.costs.gains, trade, gains)

    def _wanted_gains(self, levels: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        """The gains that would keep all energy, in steps, and how much each of them matters, `[superframes, N]`."""
        base = self._base.astype(np.float32)
        unit_steps = self._unit_steps(base)
        predicted = base * prediction(self.predictions, self.blocks)
        energy = (predicted + self._ratios * unit_steps) ** 2
        filled = fill(base, predicted, unit_steps * step_size(step)) ** 2
        total = self.blocks.superframe_sums(energy)
        coded = levels != 0
        energy[coded] = filled[coded] = 0
        uncoded, filled = self.blocks.superframe_sums(energy), self.blocks.superframe_sums(filled)
        wanted = 10 / GAIN_DECIBELS * np.log10((uncoded + SILENCE) / (filled + SILENCE))
        empty = empty_lines(levels, self.blocks.sizes, self.superframe)
        return wanted, np.where(empty > 0, (uncoded + SILENCE) / (total + SILENCE), 0.0)

    def layer(self, step: int, level_trade: float = LEVEL_TRADE, gain_trade: float = GAIN_TRADE) -> DetailLayer:
        """All of it at a step."""
        return self.with_levels(self.levels(step, level_trade)[0], step, gain_trade)

    def with_levels(self, levels: np.ndarray, step: int, gain_trade: float = GAIN_TRADE) -> DetailLayer:
        """The layer that has these levels."""
        gains = self.gains(levels, step, gain_trade)
        return DetailLayer(step, self.shape, self.blocks.sizes, self.predictions, levels, gains)

    def _unit_steps(self, base: np.ndarray) -> np.ndarray:
        return np.exp(log_steps(base, self.blocks, SHAPES[self.shape], self.sample_rate))


def _predictions(sound: np.ndarray, base: np.ndarray, steps: np.ndarray, blocks: Blocks) -> np.ndarray:
    """By band: the share of the base that takes most of the sound's energy away, errors counted in steps."""
    weighted = base / steps**2
    common = blocks.sums(sound * weighted).sum(axis=0)
    own = blocks.sums(base * weighted).sum(axis=0)
    share = np.clip(common / np.maximum(own, math.ulp(1.0)), 0, 1)
    return np.floor(share * (PREDICTIONS - 1) + 0.5).astype(np.int64)
