from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.entropy import (
    Coders,
    FrequencyTables,
    Mode,
    from_counts,
    pack,
    pack_smallest,
    payload_bits,
    token_checksum,
    unpack,
)
from nac_cli.entropy.side import pack_side
from nac_cli.errors import CorruptStream, ModelError, NacError, UnsupportedStream
from nac_cli.values import ABSENT, ChunkCodes, Framing, StreamInfo
from tests.entropy.scenes import random_codes, same, scenes, stream

modes = st.sampled_from([Mode.PACKED, Mode.STATIC])


def tiny() -> tuple[ChunkCodes, StreamInfo]:
    """4 frames in 2 steps; 2 planes of 4 and 5 codes, the second one in the first step only."""
    info = stream((4, 5), (1, 1), (1,), Framing(8, 2, 4))
    codes = (np.array([3, 0, 2, 1], np.int32), np.array([4, 2, ABSENT, ABSENT], np.int32))
    chunk = ChunkCodes(4, np.zeros((0, 2), int), np.array([[10, 12]]), np.array([[2, 1]]), (codes,))
    return chunk, info


def test_packed_by_hand():
    # gain 10, k = 1, +2 -> 4 | depth 2, k = 0, -1 -> 1 | padding || 3 0 2 1 | 4 2, padding
    bits = "00001010 01 1100  0000010 00 10  0000000  11 00 10 01  100 010 00"
    expected = int(bits.replace(" ", ""), 2).to_bytes(6, "big")
    assert pack(*tiny(), Mode.PACKED) == expected == bytes.fromhex("0a701100c988")


def test_checksum_by_hand():
    said = bytes([10, 12, 2, 1]) + b"\3\0\0\0\2\0\1\0\4\0\2\0"
    assert token_checksum(tiny()[0]) == zlib.crc32(said)


@given(scenes(), modes)
def test_round_trip(scene, mode):
    payload = pack(scene.chunk, scene.info, mode, scene.coders)
    back = unpack(payload, scene.chunk.num_frames, scene.info, mode, scene.coders)
    assert same(back, scene.chunk)
    assert token_checksum(back) == token_checksum(scene.chunk)
    assert all(codes.dtype == np.int32 for channel in back.codes for codes in channel)


@given(scenes(), modes)
def test_size_is_the_information_plus_little(scene, mode):
    chunk, info = scene.chunk, scene.info
    payload = pack(chunk, info, mode, scene.coders)
    information = 0.0
    for channel in chunk.codes:
        for plane, codes in enumerate(channel):
            here = codes[codes != ABSENT]
            if mode == Mode.STATIC:
                information += scene.tables.cost_bits(plane)[here].sum()
            else:
                width = int(np.ceil(np.log2(info.codec.codebook_sizes[plane])))
                information += -(-here.size * width // 8) * 8
    spare = 64 if mode == Mode.STATIC else 0
    assert 8 * len(payload) <= 8 * len(pack_side(chunk, info)) + information + spare


@given(scenes(), modes)
def test_bits_add_up(scene, mode):
    payload = pack(scene.chunk, scene.info, mode, scene.coders)
    bits = payload_bits(payload, scene.chunk.num_frames, scene.info, mode, scene.coders)
    assert bits.side == 8 * len(pack_side(scene.chunk, scene.info))
    assert bits.side + sum(bits.planes) + bits.coder == pytest.approx(8 * len(payload))
    assert len(bits.planes) == scene.info.codec.num_codebooks
    if mode == Mode.PACKED:
        assert bits.coder == 0
    else:
        assert 0 <= bits.coder <= 64


@given(scenes())
def test_smallest_takes_the_smaller_and_packed_on_ties(scene):
    both = (Mode.PACKED, Mode.STATIC)
    payloads = {mode: pack(scene.chunk, scene.info, mode, scene.coders) for mode in both}
    ((mode, payload),) = pack_smallest([scene.chunk], scene.info, scene.coders, both)
    assert payload == payloads[mode]
    static_wins = len(payloads[Mode.STATIC]) < len(payloads[Mode.PACKED])
    assert mode == (Mode.STATIC if static_wins else Mode.PACKED)
    for only in both:
        assert pack_smallest([scene.chunk], scene.info, scene.coders, [only]) == [(only, payloads[only])]


def test_silence_costs_almost_nothing():
    info = stream((1024,) * 16, (1,) * 16, (2,), Framing())
    steps, nodes = info.framing.steps(864), info.framing.nodes(864)
    depths = np.zeros((2, steps), int)
    codes = random_codes(np.random.default_rng(0), info, depths, 864)
    chunk = ChunkCodes(864, np.zeros((1, 2), int), np.zeros((2, nodes), int), depths, codes)
    coders = Coders(FrequencyTables([from_counts(np.ones(1024, int))] * 16))
    for mode in (Mode.PACKED, Mode.STATIC):
        assert len(pack(chunk, info, mode, coders)) <= 16  # ten seconds of stereo


def assert_error_or_other_chunk(payload: bytes, scene, mode: Mode) -> None:
    """Whatever is accepted must be the one payload of the chunk that it decodes to."""
    try:
        chunk = unpack(payload, scene.chunk.num_frames, scene.info, mode, scene.coders)
    except CorruptStream:
        return
    assert pack(chunk, scene.info, mode, scene.coders) == payload
    assert token_checksum(chunk) != token_checksum(scene.chunk)


@settings(max_examples=40)
@given(scenes(max_frames=30, max_size=40), modes, st.integers(1, 255))
def test_every_changed_byte_shows(scene, mode, change):
    payload = pack(scene.chunk, scene.info, mode, scene.coders)
    for position in range(len(payload)):
        spoilt = bytearray(payload)
        spoilt[position] ^= change
        assert_error_or_other_chunk(bytes(spoilt), scene, mode)


@settings(max_examples=40)
@given(scenes(max_frames=60), modes)
def test_every_truncation_and_any_tail_is_an_error(scene, mode):
    payload = pack(scene.chunk, scene.info, mode, scene.coders)
    for spoilt in [payload[:end] for end in range(len(payload))] + [payload + bytes(n) for n in (1, 4, 8)]:
        with pytest.raises(CorruptStream):
            unpack(spoilt, scene.chunk.num_frames, scene.info, mode, scene.coders)


@given(scenes(), modes, st.binary(max_size=300))
def test_noise_is_an_error_or_a_chunk(scene, mode, payload):
    try:
        chunk = unpack(payload, scene.chunk.num_frames, scene.info, mode, scene.coders)
    except CorruptStream:
        return
    assert pack(chunk, scene.info, mode, scene.coders) == payload


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ("0a701100c989", "padding"),
        ("0a701100c9a8", "codebook of 5"),  # 101 = 5
        ("0a701100c98800", "more than"),
        ("0a701101c988", "padding"),
        ("0a701100c9", "early"),
        ("", "early"),
    ],
)
def test_packed_corruptions(payload, fault):
    with pytest.raises(CorruptStream, match=fault):
        unpack(bytes.fromhex(payload), 4, tiny()[1], Mode.PACKED)


@pytest.mark.parametrize("mode", [3, 255])
def test_modes_of_the_future_are_unsupported_not_corrupt(mode):
    chunk, info = tiny()
    with pytest.raises(UnsupportedStream, match="mode"):
        unpack(pack(chunk, info, Mode.PACKED), 4, info, mode)
    with pytest.raises(UnsupportedStream, match="mode"):
        pack(chunk, info, mode)


def test_static_without_fitting_tables():
    chunk, info = tiny()
    wrong = FrequencyTables([from_counts(np.ones(4, int))] * 2)
    for tables in (None, wrong):
        with pytest.raises(ModelError, match="frequency tables"):
            pack(chunk, info, Mode.STATIC, Coders(tables))


@pytest.mark.parametrize(
    ("fault", "codes"),
    [
        ("depths", ([3, 0, 2, 1], [4, 2, 0, ABSENT])),  # one too many
        ("depths", ([3, 0, 2, 1], [4, ABSENT, ABSENT, ABSENT])),
        ("depths", ([3, 0, 2], [4, 2, ABSENT, ABSENT])),
        ("codebook", ([4, 0, 2, 1], [4, 2, ABSENT, ABSENT])),
        ("codebook", ([-2, 0, 2, 1], [4, 2, ABSENT, ABSENT])),
        ("planes", ([3, 0, 2, 1],)),
    ],
)
def test_codes_that_contradict_the_stream_are_refused(fault, codes):
    chunk, info = tiny()
    wrong = ChunkCodes(**{**vars(chunk), "codes": (tuple(np.array(plane, np.int32) for plane in codes),)})
    with pytest.raises(NacError, match=fault):
        pack(wrong, info, Mode.PACKED)
