"""Angles, gains and depths, with the bytes written out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

from nac_cli.entropy import unpack_side
from nac_cli.entropy.side import pack_side, side_bits
from nac_cli.errors import CorruptStream, NacError
from nac_cli.values import ABSENT, ChunkCodes, Framing, StreamInfo
from tests.entropy.scenes import scenes, stream

SILENT_STEREO = "010000 001000  00111100 00 0  0000000 00  00111100 00 10  0000000 00  000"
"""Angles 16, 8; gains 60, 60; depth 0; gains 60, 59; depth 0; padding."""


def from_bits(bits: str) -> bytes:
    digits = bits.replace(" ", "")
    return int(digits, 2).to_bytes(len(digits) // 8, "big")


def silent_stereo() -> tuple[ChunkCodes, StreamInfo]:
    info = stream((4,), (1,), (2,), Framing())
    depths = np.array([[0], [0]])
    codes = ((np.array([ABSENT], np.int32),),) * 2
    return ChunkCodes(1, np.array([[16, 8]]), np.array([[60, 60], [60, 59]]), depths, codes), info


def test_silent_stereo_by_hand():
    chunk, info = silent_stereo()
    assert pack_side(chunk, info) == from_bits(SILENT_STEREO) == bytes.fromhex("4083c0003c2000")


@given(scenes())
def test_round_trip_in_the_bits_foretold(scene):
    chunk, info = scene.chunk, scene.info
    packed = pack_side(chunk, info)
    side = unpack_side(packed, chunk.num_frames, info)
    assert np.array_equal(side.angles, chunk.angles)
    assert np.array_equal(side.gains, chunk.gains)
    assert np.array_equal(side.depths, chunk.depths)
    assert 8 * len(packed) == side_bits(info.num_pairs, chunk.gains, chunk.depths)


@pytest.mark.parametrize(
    ("bits", "fault"),
    [
        (SILENT_STEREO[:-3] + "001", "padding"),
        (SILENT_STEREO.replace("0000000 00", "0000010 00"), "depth lies outside"),  # 2 planes of 1
        (SILENT_STEREO.replace("00111100 00 0", "00111100 01 0"), "cheapest"),
        (SILENT_STEREO[:-20], "early"),
    ],
)
def test_corrupt(bits, fault):
    data = bits.replace(" ", "")
    with pytest.raises(CorruptStream, match=fault):
        unpack_side(from_bits(data[: len(data) // 8 * 8]), 1, silent_stereo()[1])


def test_no_frames():
    with pytest.raises(CorruptStream):
        unpack_side(bytes(10), 0, silent_stereo()[1])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("angles", {"angles": np.array([[64, 0]])}),
        ("angles", {"angles": np.zeros((0, 2), int)}),
        ("gains", {"gains": np.array([[0, 256], [0, 0]])}),
        ("gains", {"gains": np.array([[0, 0]])}),
        ("depths", {"depths": np.array([[2], [0]])}),
        ("depths", {"depths": np.array([[-1], [0]])}),
        ("frames", {"num_frames": 0}),
    ],
)
def test_a_chunk_that_does_not_fit_is_refused(name, change):
    chunk, info = silent_stereo()
    with pytest.raises(NacError, match=name):
        pack_side(ChunkCodes(**{**vars(chunk), **change}), info)
