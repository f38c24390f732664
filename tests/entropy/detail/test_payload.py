"""Layers to bytes and back, and what becomes of bytes that are no layer."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.detail_layer import padded_length
from nac_cli.entropy.detail import measure, pack, unpack
from nac_cli.entropy.detail.payload import cuts_of, sizes_of
from nac_cli.errors import CorruptStream
from tests.entropy.detail.layers import LAYERS, random_layer, same


@given(case=LAYERS)
@settings(deadline=None, max_examples=60)
def test_a_layer_comes_back_exactly(case):
    samples, rate, layer = case
    payload = pack(layer, rate)
    assert same(unpack(payload, samples, rate), layer)


@given(case=LAYERS)
@settings(deadline=None, max_examples=40)
def test_measuring_tells_the_size(case):
    _, rate, layer = case
    bits = measure(layer, rate)
    assert 8 * len(pack(layer, rate)) == pytest.approx(bits.total, rel=0.003, abs=24)


@given(data=st.binary(max_size=200), samples=st.integers(1, 5000))
@settings(deadline=None, max_examples=200)
def test_whatever_is_accepted_packs_to_the_same_bytes(data, samples):
    try:
        layer = unpack(data, samples, 44100)
    except CorruptStream:
        return
    assert pack(layer, 44100) == data


@pytest.mark.parametrize("density", [0.0, 0.01, 0.3])
def test_a_truncated_layer_is_corrupt_or_another_one(density):
    """Bytes that happen to be another layer are told by the chunk's checksums; most are no layer at all."""
    layer = random_layer(3000, 44100, 5, density)
    payload = pack(layer, 44100)
    sizes = [*range(min(len(payload), 60)), *range(max(len(payload) - 40, 0), len(payload))]
    accepted = 0
    for size in sizes:
        try:
            assert not same(unpack(payload[:size], 3000, 44100), layer)
            accepted += 1
        except CorruptStream:
            pass
    assert accepted <= 0.1 * len(sizes)


@pytest.mark.parametrize("more", [b"\0", b"\1", b"\xff\xff", bytes(1000)])
def test_bytes_behind_the_end_are_corrupt(more):
    payload = pack(random_layer(3000, 44100, 6), 44100)
    with pytest.raises(CorruptStream):
        unpack(payload + more, 3000, 44100)


def test_flipped_bits_never_give_the_same_layer():
    """A range coder makes integers of almost any bytes: what is accepted is another layer, which the chunk's checksum
    of integers tells."""
    layer = random_layer(3000, 44100, 7)
    payload = bytearray(pack(layer, 44100))
    for place in range(0, 8 * len(payload), 41):
        payload[place // 8] ^= 1 << place % 8
        with suppress(CorruptStream):
            assert not same(unpack(bytes(payload), 3000, 44100), layer)
        payload[place // 8] ^= 1 << place % 8


def test_levels_of_any_bytes_stay_in_range():
    random = np.random.default_rng(8)
    for _ in range(30):
        data = random.integers(0, 256, 3000, np.uint8).tobytes()
        try:
            layer = unpack(data, 2048, 44100)
        except CorruptStream:
            continue
        assert np.abs(layer.levels).max() <= 32782


def test_what_is_decoded_has_the_length_asked_for():
    for samples in (1, 2048, 2049, 10000):
        layer = random_layer(samples, 44100, 9)
        decoded = unpack(pack(layer, 44100), samples, 44100)
        assert decoded.levels.size == decoded.sizes.sum() == padded_length(samples, 44100)


def test_silence_takes_next_to_nothing():
    """Ten seconds without levels or gains: mostly what the blocks take."""
    layer = random_layer(441000, 44100, 10, density=0.0)
    quiet = type(layer)(
        0,
        0,
        np.full(len(layer.levels) // 2048, 2048),
        layer.predictions * 0,
        layer.levels,
        np.zeros((len(layer.levels) // 2048, layer.gains.shape[1]), np.int64),
    )
    assert len(pack(quiet, 44100)) < 100


@given(seed=st.integers(0, 2**16))
def test_trees_of_cuts_and_sizes(seed):
    layer = random_layer(9000, 44100, seed, density=0.0)
    cuts = cuts_of(layer.sizes, 2048, len(layer.levels) // 2048)
    assert np.array_equal(sizes_of(cuts, 2048), layer.sizes)
