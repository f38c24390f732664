"""Layers that together take a given number of bytes, and what a layer costs at any step.

Everything here is cheap beside the codec: the sound has been transformed once, each try is a loop over coefficients.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nac_cli.detail.analysis import GAIN_TRADE, LEVEL_TRADE, Analysis, Costs
from nac_cli.detail_layer import STEPS, DetailLayer
from nac_cli.entropy.detail import load_tables, measure, pack

ROUNDS = 4
CLOSE_ENOUGH = 0.99
ENOUGH = 0.9
"""Share of a budget that is filled well."""
GAIN_TRADES = (GAIN_TRADE, 8 * GAIN_TRADE, 1e9)
"""The usual one, a dear one, and one at which there are no gains."""
TRADES = (0.5, 4.0)
"""Between these multiples of the usual trade, rounding makes up for steps being apart."""
TRIES = 7


def table_costs() -> Costs:
    """The bits that the encoder takes levels and gains to cost."""
    tables = load_tables()
    return Costs(tables.level_costs, tables.gain_costs)


def step_bits(analysis: Analysis, steps: Sequence[int]) -> np.ndarray:
    """Bits, float64 `[n]`, of a chunk's layer at each of `steps` (step indices): for an allocator, within a few
    percent.

    Levels are priced step by step by the table of costs, corrected where the coder itself was asked; gains and the rest
    at the middle one of `steps`.
    """
    steps = list(steps)
    middle = len(steps) // 2
    priced = np.array([analysis.levels(step)[1] for step in steps])
    parts = measure(analysis.layer(steps[middle]), analysis.sample_rate)
    return priced * (parts.levels / max(priced[middle], 1.0)) + parts.gains + parts.side


def fit_layers(
    analyses: Sequence[Analysis], budget: int, offsets: Sequence[int] | None = None
) -> list[DetailLayer] | None:
    """Layers of all `analyses` at one step (each plus its own of `offsets`), `budget` bytes at most all together and as
    near to it as rounding allows. None if even the coarsest steps take more.

    Where gains would take most of a small budget, they are dearer, or there are none.
    """
    offsets = [0] * len(analyses) if offsets is None else list(offsets)
    best: list[DetailLayer] | None = None
    most = -1
    first_step = _step_for(analyses, offsets, 0.8 * 8 * budget)
    for gain_trade in GAIN_TRADES:
        layers, size = _fitted(analyses, budget, offsets, first_step, gain_trade)
        if most < size <= budget:
            best, most = layers, size
        if most >= ENOUGH * budget:
            break
    return best


def _fitted(
    analyses: Sequence[Analysis], budget: int, offsets: list[int], step: int, gain_trade: float
) -> tuple[list[DetailLayer], int]:
    """The layers at one trade of gains, searched for from `step` on, and their size in bytes. Where no layers within
    `budget` are found they are those of the coarsest steps, whose size may be above it."""
    fitted: tuple[list[DetailLayer], int] | None = None
    trade = LEVEL_TRADE
    for _ in range(ROUNDS):
        layers, size, priced = _at(analyses, offsets, step, trade, gain_trade)
        if size <= budget and (fitted is None or size > fitted[1]):
            fitted = layers, size
        if CLOSE_ENOUGH * budget <= size <= budget:
            break
        target = priced + 8 * (0.997 * budget - size)  # gains change little
        if target <= 0:
            break
        step = _step_for(analyses, offsets, target)
        trade = _trade_for(analyses, offsets, step, target)
    return fitted or _at(analyses, offsets, STEPS - 1, LEVEL_TRADE, gain_trade)[:2]


def _at(
    analyses: Sequence[Analysis], offsets: list[int], step: int, trade: float, gain_trade: float
) -> tuple[list[DetailLayer], int, float]:
    """Layers at a step, their size in bytes, and the bits of their levels by the table of costs."""
    layers, size, priced = [], 0, 0.0
    for analysis, offset in zip(analyses, offsets):
        own_step = _clipped(step + offset)
        levels, bits = analysis.levels(own_step, trade)
        layers.append(analysis.with_levels(levels, own_step, gain_trade))
        size += len(pack(layers[-1], analysis.sample_rate))
        priced += bits
    return layers, size, priced


def _priced(analyses: Sequence[Analysis], offsets: list[int], step: int, trade: float) -> float:
    """Bits of all levels by the table of costs."""
    return sum(analysis.levels(_clipped(step + offset), trade)[1] for analysis, offset in zip(analyses, offsets))


def _step_for(analyses: Sequence[Analysis], offsets: list[int], bits: float) -> int:
    """The coarsest step at which levels are priced at `bits` or more."""
    low, high = 0, STEPS - 1
    while low < high:
        middle = (low + high + 1) // 2
        if _priced(analyses, offsets, middle, LEVEL_TRADE) >= bits:
            low = middle
        else:
            high = middle - 1
    return low


def _trade_for(analyses: Sequence[Analysis], offsets: list[int], step: int, bits: float) -> float:
    """The trade at which levels are priced at `bits` or a little less."""
    low, high = (LEVEL_TRADE * factor for factor in TRADES)
    for _ in range(TRIES):
        middle = (low * high) ** 0.5
        if _priced(analyses, offsets, step, middle) > bits:
            low = middle
        else:
            high = middle
    return high


def _clipped(step: int) -> int:
    return min(max(step, 0), STEPS - 1)
