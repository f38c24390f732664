"""The price list agrees with what packing then takes."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from nac_cli.entropy import Coders, pack
from nac_cli.entropy.costs import depth_bits, plane_costs, side_bits
from nac_cli.values import ChunkCodes, Mode
from tests.entropy.scenes import random_codes, scenes


@given(scenes())
def test_costs_foretell_the_payload_of_any_depth(scene):
    info, frames, depths = scene.info, scene.chunk.num_frames, scene.chunk.depths
    count = info.codec.num_codebooks
    full = random_codes(np.random.default_rng(frames), info, np.full_like(depths, count), frames)
    kept = tuple(
        tuple(np.where(here < 0, here, codes) for here, codes in zip(channel, all_codes))
        for channel, all_codes in zip(scene.chunk.codes, full)
    )
    chunk = ChunkCodes(**{**vars(scene.chunk), "codes": kept})
    for mode, tables in ((Mode.PACKED, None), (Mode.STATIC, scene.tables)):
        spent = side_bits(info.num_pairs, chunk.gains, depths)
        for channel_depths, codes in zip(depths, full):
            costs = plane_costs(codes, info.codec, info.framing, frames, tables)
            assert costs.shape == (count, depths.shape[1])
            spent += costs[np.arange(count)[:, None] < channel_depths].sum()
        spare = 8 * len(pack(chunk, info, mode, Coders(tables))) - spent
        assert -1e-6 <= spare <= (64 if tables else 7 * count * info.channels)


def test_depth_bits_by_hand():
    assert depth_bits(np.array([7, 7, 7, 8])) == 7 + 2 + 1 + 1 + 3
    assert depth_bits(np.array([0])) == 7 + 2
