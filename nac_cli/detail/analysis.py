"""The encoder's side: a recording and the base's sound of it -> the integers of a layer, at any quantisation step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nac_cli.detail import mdct
from nac_cli.detail.bands import Blocks
from nac_cli.detail.envelope import log_steps
from nac_cli.detail.partition import choose_sizes
from nac_cli.detail.shapes import SHAPES
from nac_cli.detail.synthesis import GAIN_DECIBELS, fill, padded, prediction, step_size
from nac_cli.detail_layer import PREDICTIONS, DetailLayer, empty_lines, superframe_length

LEVEL_TRADE = 0.115
"""Squared steps that a bit of levels is worth."""
GAIN_TRADE = 0.5
"""Squared gain steps that a bit of gains is worth."""


@dataclass(frozen=True)
class Costs:
    """About what levels and gains cost in the coder, in bits: `[16, 11, 18]` and `[9, 9, 9]`."""

    levels: np.ndarray
    gains: np.ndarray


class Analysis:
    """A chunk of one channel, its blocks chosen for steps near `step`: the levels and gains for any other step.

    `sound` and `base` `[T']` at about unit level; nothing but the chunk itself is looked at.
    """

    def __init__(
        self, sound: np.ndarray, base: np.ndarray, sample_rate: int, step: int, shape: int, costs: Costs
    ) -> None:
        self.sample_rate, self.shape, self.costs = sample_rate, shape, costs
        self.superframe = superframe_length(sample_rate)
        sound, base = padded(sound, sample_rate), padded(base, sample_rate)
        sizes = choose_sizes(sound, base, step_size(step), SHAPES[shape], self.superframe, sample_rate)
        self.blocks = Blocks(sizes, self.superframe)
        self.sound, self.base = mdct.forward(sound, sizes), mdct.forward(base, sizes)
        self.unit_steps = np.exp(log_steps(self.base, self.blocks, SHAPES[shape], sample_rate))
        self.predictions = self._predictions()

    @property
    def predicted(self) -> np.ndarray:
        """The part of the base that is taken off before quantising, `[T]`; made when needed, since chunks are many."""
        return self.base * prediction(self.predictions, self.blocks)

    @cached_property
    def _ratios(self) -> np.ndarray:
        return (self.sound - self.predicted) / self.unit_steps

    def levels(self, step: int, trade: float = LEVEL_TRADE) -> tuple[np.ndarray, float]:
        """Levels int32 `[T]` at a step, and about how many bits they cost: one fast loop."""
        from nac_cli.detail.rounding import round_levels

        levels = np.zeros(len(self.sound), np.int32)
        sizes = self.blocks.sizes
        bits = round_levels(self._ratios / step_size(step), sizes, self.superframe, self.costs.levels, trade, levels)
        return levels, float(bits)

    def gains(self, levels: np.ndarray, step: int, trade: float = GAIN_TRADE) -> np.ndarray:
        """Gains int64 `[superframes, N]` that go with these levels."""
        from nac_cli.detail.gains import SILENCE, choose_gains

        coded = levels != 0
        steps = self.unit_steps * step_size(step)
        energy = self.sound**2
        uncoded = self.blocks.superframe_sums(np.where(coded, 0.0, energy))
        filled = self.blocks.superframe_sums(np.where(coded, 0.0, fill(self.base, self.predicted, steps) ** 2))
        wanted = 10 / GAIN_DECIBELS * np.log10((uncoded + SILENCE) / (filled + SILENCE))
        empty = empty_lines(levels, self.blocks.sizes, self.superframe)
        weights = np.where(empty > 0, (uncoded + SILENCE) / (self.blocks.superframe_sums(energy) + SILENCE), 0.0)
        gains = np.zeros(wanted.shape, np.int64)
        choose_gains(wanted, weights, self.costs.gains, trade, gains)
        return gains

    def layer(self, step: int, level_trade: float = LEVEL_TRADE, gain_trade: float = GAIN_TRADE) -> DetailLayer:
        """All of it at a step."""
        return self.with_levels(self.levels(step, level_trade)[0], step, gain_trade)

    def with_levels(self, levels: np.ndarray, step: int, gain_trade: float = GAIN_TRADE) -> DetailLayer:
        """The layer that has these levels."""
        gains = self.gains(levels, step, gain_trade)
        return DetailLayer(step, self.shape, self.blocks.sizes, self.predictions, levels, gains)

    def _predictions(self) -> np.ndarray:
        """By band: the share of the base that takes most of the sound's energy away, errors counted in steps."""
        weights = self.unit_steps**-2
        common = self.blocks.sums(self.sound * self.base * weights).sum(axis=0)
        own = self.blocks.sums(self.base * self.base * weights).sum(axis=0)
        share = np.clip(common / np.maximum(own, math.ulp(1.0)), 0, 1)
        return np.floor(share * (PREDICTIONS - 1) + 0.5).astype(np.int64)
