"""Costs of codes in bits, before anything is packed: the rate allocator's price list.

Planes are nested, so the cost of every depth follows from one pass over the codes of all planes. A chunk pays on top
of `plane_costs` and `side_bits`: under 8 bits for each channel and plane in `packed` mode, under 64 bits in `static`
mode; in `lm` mode under 64 bits and a varint for each channel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nac_cli.entropy import lm_streams
from nac_cli.entropy.frequencies import FrequencyTables
from nac_cli.entropy.packed import code_bits
from nac_cli.entropy.rice import series_bits
from nac_cli.entropy.side import DEPTH_BITS, side_bits
from nac_cli.values import ChunkCodes, CodecSpec, Framing, StreamInfo

if TYPE_CHECKING:
    from nac_cli.entropy.lm import LanguageModel

__all__ = ["depth_bits", "lm_plane_costs", "plane_costs", "side_bits"]


def plane_costs(
    codes: Sequence[np.ndarray],
    codec: CodecSpec,
    framing: Framing,
    num_frames: int,
    tables: FrequencyTables | None = None,
) -> np.ndarray:
    """Bits that plane k costs in step s, float64 `[K, S]`, for one channel of one chunk.

    `codes[k]` integer `[F_k]` (or one array `[K, F]`), all present; fewer planes than the codec's give fewer
    rows. The price is that of the `static` mode with `tables`, of the `packed` mode without.
    """
    costs = np.empty((len(codes), framing.steps(num_frames)))
    for plane, plane_codes in enumerate(codes):
        steps = np.arange(0, num_frames, codec.strides[plane]) // framing.step_frames
        if tables is None:
            prices = np.full(steps.size, float(code_bits(codec.codebook_sizes[plane])))
        else:
            prices = tables.cost_bits(plane)[plane_codes]
        costs[plane] = np.bincount(steps, weights=prices, minlength=costs.shape[1])
    return costs


def lm_plane_costs(chunks: Sequence[ChunkCodes], info: StreamInfo, lm: LanguageModel | None) -> list[np.ndarray]:
    """Bits that plane k costs in step s of each of `chunks` in `lm` mode, float64 `[C, K, S]`, 0 above its depths.

    Exact for just these depths: with others, a frame's codes pay slightly other prices. Raises `ModelError` if `lm`
    does not fit the codec.
    """
    return [
        np.stack([
            np.add.reduceat(channel.bits(), np.arange(0, chunk.num_frames, info.framing.step_frames), axis=1)
            for channel in channels
        ])
        for chunk, channels in zip(chunks, lm_streams.measure(chunks, info, lm), strict=True)
    ]  # fmt: skip


def depth_bits(depths: np.ndarray) -> int:
    """Exact cost in bits of one channel's `depths` `[S]` within the side section, before its padding."""
    return series_bits(depths, DEPTH_BITS)
