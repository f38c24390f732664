"""Allocation of planes to steps: they go where they lower the distortion most per bit.

Because planes are nested, one encoding gives what every depth costs and what it loses. The allocator minimises
the total distortion under a budget of bits with one Lagrange multiplier for all steps of all channels (Everett
1963; Shoham and Gersho 1988), then spends the few bits that remain on the best single upgrades.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVEL_EXPONENT = 2.0
"""A channel's distortion is weighted by (its level / that of the loudest channel then)^LEVEL_EXPONENT: by energies.
Over time steps count alike, loud or soft, as they do for ears. On six stereo clips of music at 6 kbit/s (mel distance,
Zimtohrli): 0.5 gave 1.929, 3.098; 1.0 1.924, 3.097; 2.0 1.909, 3.113; weighting by absolute levels was worse for
mono."""


@dataclass(frozen=True)
class DepthChoices:
    """The depths that each of M steps can have: `bits` and `distortion` `[M, K + 1]` of its first 0..K planes, and the
    least depth that it must have, `least` `[M]` (1 where sound would otherwise vanish)."""

    bits: np.ndarray
    distortion: np.ndarray
    least: np.ndarray

    def total_bits(self, depths: np.ndarray) -> float:
        return float(self.bits[np.arange(len(depths)), depths].sum())


def allocate(choices: DepthChoices, budget: float) -> np.ndarray:
    """Depths `[M]` whose bits sum to at most `budget`, or the least depths where even those cost more."""
    allowed = np.arange(choices.bits.shape[1]) >= choices.least[:, None]
    distortion = np.where(allowed, choices.distortion, np.inf)

    def depths_at(price: float) -> np.ndarray:
        return (distortion + price * choices.bits).argmin(axis=1)

    low, high = -60.0, 60.0  # log2 of the price of a bit: everything, and the least
    if choices.total_bits(depths_at(2.0**low)) <= budget:
        return depths_at(2.0**low)
    for _ in range(50):
        middle = (low + high) / 2
        if choices.total_bits(depths_at(2.0**middle)) > budget:
            low = middle
        else:
            high = middle
    return _spend_rest(choices, distortion, depths_at(2.0**high), budget)


def _spend_rest(choices: DepthChoices, distortion: np.ndarray, depths: np.ndarray, budget: float) -> np.ndarray:
    """Single upgrades by one plane, best gain per bit first, as long as they fit."""
    steps = np.arange(len(depths))
    above = np.minimum(depths + 1, choices.bits.shape[1] - 1)
    price = choices.bits[steps, above] - choices.bits[steps, depths]
    gain = distortion[steps, depths] - distortion[steps, above]
    rest = budget - choices.total_bits(depths)
    worthwhile = np.flatnonzero((price > 0) & (gain > 0))
    depths = depths.copy()
    for step in worthwhile[np.argsort(-gain[worthwhile] / price[worthwhile])]:
        if price[step] <= rest:
            depths[step] += 1
            rest -= price[step]
    return depths
