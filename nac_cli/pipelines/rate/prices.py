"""Prices of planes: the bits and the distortion of every depth of every step, which are the allocator's choices.

In `packed` and `static` mode a code's price does not depend on anything else. The language model's does, and takes a
pass over a chunk that costs as much as packing it. So it measures some chunks only, at the depths that the bitrate
would buy at fixed prices, and one plane more; all else is priced by how much it saved on each plane that it saw. Four
minutes of stereo lose 0.01 dB of distortion by that at most, with 4, 8 or 12 chunks of 24.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from nac_cli.entropy.costs import lm_plane_costs, plane_costs
from nac_cli.pipelines.chain.layered import Layered
from nac_cli.pipelines.chain.packing import Packer
from nac_cli.pipelines.rate.allocation import LEVEL_EXPONENT, DepthChoices
from nac_cli.values import Mode, StreamInfo

SAMPLE = 4
"""Chunks at most that the language model prices."""
LEAST_GAIN = 1e-4
"""Share of a step's whole distortion that any further plane is worth."""

Allocate = Callable[[DepthChoices], list[np.ndarray]]
"""Depths `[C, S]` of each chunk for choices at given prices."""


def choices_of(packer: Packer, allocate: Allocate) -> DepthChoices:
    """All steps of all channels of all chunks, in that order of nesting, chunks outermost; `allocate` is asked what
    the budget would buy at fixed prices, if there is a language model."""
    prices = _fixed_prices(packer)
    if Mode.LM in packer.modes:
        prices = _lm_prices(packer, prices, allocate(_choices(packer, prices)))
    return _choices(packer, prices)


def secondary_channels(info: StreamInfo) -> list[bool]:
    """Which coded channels are a pair's residual, and so may be left out altogether."""
    return [place == 1 for size in info.groups for place in range(size)]


def _fixed_prices(packer: Packer) -> list[np.ndarray]:
    """Bits `[C, K, S]` of each plane in each step, for every chunk."""
    info, tables = packer.info, packer.coders.tables
    return [
        np.stack([
            plane_costs([plane[channel] for plane in chunk.codes], info.codec, info.framing, chunk.num_frames, tables)
            for channel in range(info.channels)
        ])
        for chunk in packer.chunks
    ]  # fmt: skip


def _lm_prices(packer: Packer, fixed: list[np.ndarray], depths: list[np.ndarray]) -> list[np.ndarray]:
    """The same by the language model, which looks at `depths` and one plane more of some chunks, evenly spread; fixed
    prices stay for chunks that it makes larger, where another mode is allowed."""
    count = len(packer.chunks)
    chosen = np.linspace(0, count - 1, min(count, SAMPLE)).round().astype(int).tolist()
    seen = [np.minimum(depths[index] + 1, packer.chunks[index].available) for index in chosen]
    kept = [packer.chunks[index].keep(some, packer.info) for index, some in zip(chosen, seen)]
    measured = lm_plane_costs(kept, packer.info, packer.coders.lm)
    planes = np.arange(packer.info.codec.num_codebooks)[:, None]
    masks = [some[:, None] > planes for some in seen]
    ratios = _ratios([fixed[index] for index in chosen], measured, masks)
    prices = [chunk_fixed * ratios for chunk_fixed in fixed]
    for index, chunk_measured, mask in zip(chosen, measured, masks, strict=True):
        better = len(packer.modes) == 1 or chunk_measured[mask].sum() < fixed[index][mask].sum()
        prices[index] = np.where(mask, chunk_measured, prices[index]) if better else fixed[index]
    return prices


def _ratios(fixed: list[np.ndarray], measured: list[np.ndarray], masks: list[np.ndarray]) -> np.ndarray:
    """`[K, 1]`: the language model's price of each plane over the fixed one; of planes that it did not see, that of
    the deepest that it saw."""

    def total(prices: list[np.ndarray]) -> np.ndarray:
        return sum((np.where(mask, price, 0.0).sum(axis=(0, 2)) for price, mask in zip(prices, masks, strict=True)))

    before, after = total(fixed), total(measured)
    seen = np.flatnonzero(before)
    if not seen.size:
        return np.ones((len(before), 1))
    return np.interp(np.arange(len(before)), seen, after[seen] / before[seen])[:, None]


def _choices(packer: Packer, prices: Sequence[np.ndarray]) -> DepthChoices:
    info, bits, distortion, least = packer.info, [], [], []
    secondary = secondary_channels(info)
    for chunk, price in zip(packer.chunks, prices, strict=True):
        assert chunk.distortion is not None  # there is a rate to be met
        weights = np.where(chunk.available == 0, 0.0, _level_weights(chunk, info))
        for channel, available in enumerate(chunk.available):
            cumulated = np.concatenate((np.zeros((1, price.shape[2])), price[channel].cumsum(axis=0)))
            bits.append(_flat_above(available, cumulated.T))
            lost = _falling(chunk.distortion[channel]).T * weights[channel, :, None]
            distortion.append(_flat_above(available, lost))
            least.append(np.where((available == 0) | secondary[channel], 0, 1))
    return DepthChoices(np.concatenate(bits), np.concatenate(distortion), np.concatenate(least))


def _flat_above(available: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` `[S, K + 1]` by depth, with those above `available` `[S]` as they are there: nothing more to buy."""
    reachable = np.minimum(np.arange(values.shape[1]), available[:, None])
    return np.take_along_axis(values, reachable, axis=1)


def _falling(distortion: np.ndarray) -> np.ndarray:
    """`[K + 1, S]` made to fall from plane to plane, by LEAST_GAIN at least: a budget is there to be spent."""
    depths = np.arange(len(distortion))[:, None]
    return np.minimum.accumulate(distortion, axis=0) + LEAST_GAIN * distortion[:1] * (len(distortion) - 1 - depths)


def _level_weights(chunk: Layered, info: StreamInfo) -> np.ndarray:
    """Weight of each step's distortion `[C, S]` from the levels at its middle, the loudest channel's being 1.

    Where the codes themselves are those of sound at its natural level, and nothing is known of it any more (a file that
    is recoded), channels count alike."""
    framing, levels = info.framing, chunk.gains if chunk.levels is None else chunk.levels
    middles = (np.arange(framing.steps(chunk.num_frames)) + 0.5) * framing.step_frames / framing.node_frames
    decibels = np.stack([np.interp(middles, np.arange(len(nodes)), nodes) for nodes in levels.astype(float)])
    return 10.0 ** (LEVEL_EXPONENT * (decibels - decibels.max(axis=0)) / 20)
