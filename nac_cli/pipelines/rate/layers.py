"""Detail of several chunks that together takes a given number of bytes.

Everything here is cheap beside the codec: the sound has been transformed once, each try is a loop over coefficients.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nac_cli.container import DetailRecord
from nac_cli.detail.analysis import GAIN_TRADE, LEVEL_TRADE, Analysis, Costs
from nac_cli.detail_layer import STEPS
from nac_cli.entropy.detail import load_tables
from nac_cli.parallel import each
from nac_cli.pipelines.chain.detail import detail_record

ROUNDS = 4
CLOSE_ENOUGH = 0.98
FEW_BYTES = 4
"""A budget that is filled up to these, or so far, is left as it is."""
ENOUGH = 0.9
"""Share of a budget that is filled well."""
GAIN_TRADES = (*(GAIN_TRADE * 2.0 ** (number / 2) for number in range(11)), 1e9)
"""The usual one, dearer ones, and one at which there are no gains."""
GAIN_SHARE = 0.7
"""Of a budget, for gains at most: the first of the trades at which they take no more than that is chosen."""
TRADES = (0.5, 4.0)
"""Between these multiples of the usual trade, rounding makes up for steps being apart."""
TRIES = 4
NEAR = 1.12
"""Times the bits that are wanted, from which on rounding makes up for the rest."""
FALL = 0.11
"""Doublings by which bits fall with a step index, until two are known."""
SAMPLE = 4
"""Chunks at most that show what all will need."""
LEVEL_SHARE = 0.8
"""Of the bits of a layer, until one is known."""


def table_costs() -> Costs:
    """The bits that the encoder takes levels and gains to cost."""
    tables = load_tables()
    return Costs(tables.level_costs, tables.gain_costs)


@dataclass(frozen=True)
class AnalysedChunk:
    """The channels of chunk `index`, each with what is to be added to the common step."""

    index: int
    channels: Sequence[Analysis]
    offsets: Sequence[int]

    def priced(self, step: int, trade: float) -> float:
        """Bits of all levels by the table of costs."""
        return sum(analysis.levels(_clipped(step + offset), trade)[1] for analysis, offset in self._each())

    def gain_bits(self, step: int) -> np.ndarray:
        """About what the gains cost at each of GAIN_TRADES, beside levels at the usual trade."""
        bits = np.zeros(len(GAIN_TRADES))
        for analysis, offset in self._each():
            own_step = _clipped(step + offset)
            bits += analysis.gain_bits(analysis.levels(own_step)[0], own_step, GAIN_TRADES)
        return bits

    def record(self, step: int, trade: float, gain_trade: float) -> tuple[DetailRecord | None, float]:
        """The packed detail, None where it says nothing, and the bits of its levels by the table."""
        layers, priced = [], 0.0
        for analysis, offset in self._each():
            own_step = _clipped(step + offset)
            levels, bits = analysis.levels(own_step, trade)
            layer = analysis.with_levels(levels, own_step, gain_trade)
            layers.append(layer if layer.levels.any() or layer.gains.any() else None)
            priced += bits
        return detail_record(self.index, layers, self.channels[0].sample_rate), priced

    def _each(self) -> list[tuple[Analysis, int]]:
        return list(zip(self.channels, self.offsets, strict=True))


@dataclass(frozen=True)
class FittedDetail:
    """The records of chunks in order, what they take, the step and the trade of gains that they have in common, and
    the bits that their levels were priced at."""

    records: list[DetailRecord | None]
    size: int
    step: int
    gain_trade: float
    priced: float


def fit_layers(
    chunks: Sequence[AnalysedChunk], budget: int, workers: int, like: FittedDetail | None = None
) -> FittedDetail | None:
    """Detail of all `chunks` at one step, `budget` bytes at most all together and as near to it as rounding allows.
    None if even the coarsest steps take more.

    What chunks `like` these had is where the search starts; without any, some of many chunks are fitted first. Where
    gains would take most of a small budget, they are dearer, or there are none.
    """
    count = min(SAMPLE, len(chunks) // 3)
    if like is None and count:
        some = [chunks[int((number + 0.5) * len(chunks) / count)] for number in range(count)]
        like = _fit_layers(some, budget * count // len(chunks), workers, None)
    return _fit_layers(chunks, budget, workers, like)


def _fit_layers(
    chunks: Sequence[AnalysedChunk], budget: int, workers: int, like: FittedDetail | None
) -> FittedDetail | None:
    search = _Search(chunks, workers)
    share = like.priced / (8 * like.size) if like and like.size else LEVEL_SHARE
    step = search.step_for(share * 8 * budget, like.step if like else STEPS // 2)
    least = like.gain_trade if like else search.gain_trade_for(GAIN_SHARE * 8 * budget, step)
    best: FittedDetail | None = None
    for gain_trade in GAIN_TRADES[GAIN_TRADES.index(least) :]:
        fitted = search.fitted(budget, step, gain_trade)
        if fitted and (best is None or fitted.size > best.size):
            best = fitted
        if best and best.size >= ENOUGH * budget:
            break
    return best


class _Search:
    """Tries over all chunks by `workers` threads; prices at the usual trade are remembered."""

    def __init__(self, chunks: Sequence[AnalysedChunk], workers: int) -> None:
        self._chunks, self._workers = chunks, workers
        self._usual: dict[int, float] = {}

    def fitted(self, budget: int, step: int, gain_trade: float) -> FittedDetail | None:
        """The best of some rounds at one trade of gains, searched for from `step` on; None where all else takes as much
        as `budget`, so that nothing would be left for levels."""
        best: FittedDetail | None = None
        trade = LEVEL_TRADE
        for _ in range(ROUNDS):
            tried = self._tried(step, trade, gain_trade)
            if tried.size <= budget and (best is None or tried.size > best.size):
                best = tried
            if min(CLOSE_ENOUGH * budget, budget - FEW_BYTES) <= tried.size <= budget:
                break
            target = tried.priced + 8 * (0.997 * budget - tried.size)  # gains change little
            if target <= 0 or step == STEPS - 1:  # nothing is left for levels, or they cost nothing already
                break
            step = self.step_for(target, step)
            trade = self._trade_for(step, target)
        return best

    def gain_trade_for(self, bits: float, step: int) -> float:
        """The least of GAIN_TRADES at which gains take no more than `bits`, the last if even no gains do."""
        found = each(lambda chunk, _: chunk.gain_bits(step), self._chunks, self._workers, "detail")
        fitting = (trade for trade, cost in zip(GAIN_TRADES, np.sum(found, axis=0)) if cost <= bits)
        return next(fitting, GAIN_TRADES[-1])

    def step_for(self, bits: float, start: int) -> int:
        """The coarsest step at which levels are priced at `bits` or more, or one near it: bits fall about
        exponentially."""
        if self._priced(STEPS - 1) >= bits:
            return STEPS - 1
        low, high, step = -1, STEPS - 1, start  # bits are enough at `low`, and too few at `high`
        while high - low > 1:
            step = min(max(step, low + 1), high - 1)
            priced = self._priced(step)
            if priced >= bits:
                low = step
                if priced <= NEAR * bits:
                    break
            else:
                high = step
            fall = FALL
            if low >= 0 and self._usual[high] > 0:
                fall = math.log2(self._usual[low] / self._usual[high]) / (high - low)
            apart = math.log2(max(priced, 1.0) / max(bits, 1.0)) / max(fall, FALL / 4)
            step += math.floor(apart) if abs(apart) < STEPS else int(math.copysign(STEPS, apart))
        return max(low, 0)

    def _trade_for(self, step: int, bits: float) -> float:
        """A trade at which levels are priced at `bits` or a little less."""
        low, high = (LEVEL_TRADE * factor for factor in TRADES)  # too many bits, too few
        known = math.log(LEVEL_TRADE), self._priced(step)
        slope = -0.3  # of the logarithms
        for _ in range(TRIES):
            guess = known[0] + math.log(0.999 * bits / max(known[1], 1.0)) / slope
            middle = math.exp(guess)
            if not low < middle < high:
                middle = (low * high) ** 0.5
            priced = self._priced_at(step, middle)
            if 0.995 * bits <= priced <= bits:
                return middle
            low, high = (middle, high) if priced > bits else (low, middle)
            here = math.log(middle), priced
            if here[0] != known[0] and (here[1] - known[1]) * (here[0] - known[0]) < 0:
                slope = math.log(max(here[1], 1.0) / max(known[1], 1.0)) / (here[0] - known[0])
            known = here
        return high

    def _priced(self, step: int) -> float:
        if step not in self._usual:
            self._usual[step] = self._priced_at(step, LEVEL_TRADE)
        return self._usual[step]

    def _priced_at(self, step: int, trade: float) -> float:
        return sum(each(lambda chunk, _: chunk.priced(step, trade), self._chunks, self._workers, "detail"))

    def _tried(self, step: int, trade: float, gain_trade: float) -> FittedDetail:
        pairs = each(lambda chunk, _: chunk.record(step, trade, gain_trade), self._chunks, self._workers, "detail")
        records = [record for record, _ in pairs]
        size = sum(len(record.payload) for record in records if record)
        return FittedDetail(records, size, step, gain_trade, sum(priced for _, priced in pairs))


def _clipped(step: int) -> int:
    return min(max(step, 0), STEPS - 1)
