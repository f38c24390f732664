"""Mode `lm`: chunks to streams of a language model and back, and sections that no encoder makes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.entropy import Coders, Packed, code_counts, pack, pack_smallest, payload_bits, unpack, unpack_each
from nac_cli.entropy.costs import lm_plane_costs
from nac_cli.entropy.lm import Intervals, decode, measure, prepare
from nac_cli.entropy.lm_streams import join, split
from nac_cli.entropy.side import pack_side
from nac_cli.errors import CorruptStream, ModelError, UnsupportedStream
from nac_cli.values import ChunkCodes, CodecSpec, Framing, Mode, StreamInfo
from tests.entropy.lm.models import quantised, small
from tests.entropy.scenes import random_codes, same

SHAPES = {
    "flat": ((7, 16, 33), (1, 1, 1)),
    "snac": ((9, 17, 30, 12), (8, 4, 2, 1)),
    "single": ((5,), (1,)),
    "odd": ((6, 40), (3, 1)),
}


class Model:
    """A language model without a file."""

    def __init__(self, shape: str) -> None:
        sizes, strides = SHAPES[shape]
        self.config = small(sizes, strides=strides)
        self.model_id = b"lm-model"
        self.calls = 0
        self._network = prepare(quantised(self.config))

    def measure(self, chunks) -> list[Intervals]:
        self.calls += 1
        return [measure(self._network, codes, depths) for codes, depths in chunks]

    def decode(self, streams, depths):
        self.calls += 1
        return decode(self._network, streams, depths)


model = cache(Model)


@dataclass(frozen=True)
class Scene:
    """Chunks of a stream, the last of any length."""

    info: StreamInfo
    chunks: tuple[ChunkCodes, ...]
    lm: Model

    @property
    def coders(self) -> Coders:
        return Coders(lm=self.lm)


def chunk_of(info: StreamInfo, num_frames: int, seed: int, deepest: int | None = None) -> ChunkCodes:
    rng = np.random.default_rng(seed)
    most = info.codec.num_codebooks if deepest is None else deepest
    depths = rng.integers(0, most + 1, (info.channels, info.framing.steps(num_frames)))
    gains = rng.integers(0, 9, (info.channels, info.framing.nodes(num_frames)))
    angles = rng.integers(0, 64, (info.num_pairs, 2))
    return ChunkCodes(num_frames, angles, gains, depths, random_codes(rng, info, depths, num_frames))


def stream(shape: str, groups: tuple[int, ...], step_frames: int = 5) -> StreamInfo:
    sizes, strides = SHAPES[shape]
    codec = CodecSpec("test", "spectral", bytes(8), 44100, 512, sizes, strides)
    return StreamInfo(codec, 44100, sum(groups), groups, framing=Framing(72, step_frames, 24), lm_id=b"lm-model")


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    shape = draw(st.sampled_from(sorted(SHAPES)))
    info = stream(shape, draw(st.sampled_from([(1,), (2,), (2, 1)])), draw(st.integers(1, 16)))
    frames = draw(st.lists(st.integers(1, 72), min_size=1, max_size=3))
    deepest = draw(st.sampled_from([0, 1, None, None]))
    seed = draw(st.integers(0, 2**32 - 10))
    return Scene(info, tuple(chunk_of(info, n, seed + i, deepest) for i, n in enumerate(frames)), model(shape))


@settings(max_examples=40)
@given(scenes())
def test_round_trip_of_all_chunks_together(scene):
    packed = pack_smallest(scene.chunks, scene.info, scene.coders, [Mode.LM])
    assert all(mode == Mode.LM for mode, _ in packed)
    back = unpack_each(
        [Packed(payload, chunk.num_frames, mode) for chunk, (mode, payload) in zip(scene.chunks, packed)],
        scene.info,
        scene.coders,
    )
    assert all(map(same, back, scene.chunks))
    assert all(codes.dtype == np.int32 for chunk in back for channel in chunk.codes for codes in channel)
    for chunk, (_, payload) in zip(scene.chunks, packed):
        assert pack(chunk, scene.info, Mode.LM, scene.coders) == payload
        assert same(unpack(payload, chunk.num_frames, scene.info, Mode.LM, scene.coders), chunk)


@settings(max_examples=30)
@given(scenes())
def test_bits_add_up_and_little_is_spent_beside_them(scene):
    chunk, info = scene.chunks[0], scene.info
    payload = pack(chunk, info, Mode.LM, scene.coders)
    bits = payload_bits(payload, chunk.num_frames, info, Mode.LM, scene.coders)
    assert bits.side == 8 * len(pack_side(chunk, info))
    assert bits.side + sum(bits.planes) + bits.coder == pytest.approx(8 * len(payload))
    assert -32 * info.channels <= bits.coder <= (64 + 16) * info.channels
    (costs,) = lm_plane_costs([chunk], info, scene.lm)
    assert costs.shape == (info.channels, info.codec.num_codebooks, chunk.depths.shape[1])
    assert costs.sum(axis=(0, 2)) == pytest.approx(bits.planes)
    assert (costs[np.arange(info.codec.num_codebooks)[None, :, None] >= chunk.depths[:, None]] == 0).all()
    counts = code_counts(chunk.depths, chunk.num_frames, info)
    assert counts.tolist() == [sum((channel[k] >= 0).sum() for channel in chunk.codes) for k in range(len(counts))]


def test_all_chunks_are_measured_and_decoded_in_one_call():
    info, lm = stream("flat", (2,)), Model("flat")
    chunks = [chunk_of(info, 72, seed) for seed in range(6)]
    packed = pack_smallest(chunks, info, Coders(lm=lm), [Mode.LM])
    assert lm.calls == 1
    unpack_each([Packed(payload, 72, mode) for mode, payload in packed], info, Coders(lm=lm))
    assert lm.calls == 2


def test_silence_costs_a_byte_for_each_channel_but_one():
    info = stream("flat", (2, 1))
    chunk = chunk_of(info, 72, 0, deepest=0)
    payload = pack(chunk, info, Mode.LM, Coders(lm=model("flat")))
    assert payload == pack_side(chunk, info) + b"\0\0"
    for section in (b"\0\0" + bytes(4), b"\1\0" + bytes(4), b"\0\1" + bytes(4)):
        with pytest.raises(CorruptStream, match="no codes"):
            unpack(pack_side(chunk, info) + section, 72, info, Mode.LM, Coders(lm=model("flat")))


def test_the_section_by_hand():
    streams = [bytes(range(4)), b"", b"abcdefgh"]
    assert join(streams) == b"\1\0" + bytes(range(4)) + b"abcdefgh"
    assert split(join(streams), 3) == streams
    long = [bytes(4 * 300), b"last"]
    assert join(long) == b"\xac\2" + bytes(1200) + b"last"
    assert split(join(long), 2) == long
    assert join([b""]) == b"" and split(b"", 1) == [b""]


@pytest.mark.parametrize(
    ("section", "count", "fault"),
    [
        (b"\x81\0" + bytes(8), 2, "shortest"),  # 1 in two bytes
        (b"\x80", 2, "shortest"),  # cut off
        (b"\x80\x80\x80\x80\1" + bytes(8), 2, "shortest"),
        (b"", 2, "shortest"),
        (b"\2" + bytes(7), 2, "more than there are"),
        (b"\1" + bytes(6), 2, "no whole number"),
        (bytes(3), 1, "no whole number"),
    ],
)
def test_lengths_that_do_not_add_up(section, count, fault):
    with pytest.raises(CorruptStream, match=fault):
        split(section, count)


def test_a_corrupt_chunk_leaves_those_beside_it_alone():
    info, coders = stream("snac", (2,)), Coders(lm=model("snac"))
    chunks = [chunk_of(info, 40, seed) for seed in range(3)]
    packed = [Packed(pack(chunk, info, Mode.LM, coders), 40, Mode.LM) for chunk in chunks]
    for spoilt in (packed[1].payload[:-4], packed[1].payload + bytes(4), packed[1].payload[:3], b""):
        results = unpack_each([packed[0], replace(packed[1], payload=spoilt), packed[2]], info, coders)
        assert same(results[0], chunks[0]) and same(results[2], chunks[2])
        assert isinstance(results[1], CorruptStream)


@pytest.mark.parametrize("shape", ["flat", "snac"])
def test_every_changed_byte_and_every_truncation_shows(shape):
    info, coders = stream(shape, (2,)), Coders(lm=model(shape))
    chunk = chunk_of(info, 24, seed=5)
    payload = pack(chunk, info, Mode.LM, coders)
    spoilt = [payload[:i] + bytes([payload[i] ^ 1 << i % 8]) + payload[i + 1 :] for i in range(len(payload))]
    spoilt += [payload[:end] for end in range(len(payload))] + [payload + bytes(n) for n in (1, 4, 8)]
    for data, result in zip(spoilt, unpack_each([Packed(data, 24, Mode.LM) for data in spoilt], info, coders)):
        if not isinstance(result, CorruptStream):  # another chunk then, whose one payload this is
            assert not same(result, chunk)
            assert pack(result, info, Mode.LM, coders) == data


@settings(max_examples=60)
@given(st.binary(max_size=120), st.integers(1, 72))
def test_noise_is_an_error_or_a_chunk(payload, frames):
    info, coders = stream("flat", (2,)), Coders(lm=model("flat"))
    (result,) = unpack_each([Packed(payload, frames, Mode.LM)], info, coders)
    if not isinstance(result, CorruptStream):
        assert pack(result, info, Mode.LM, coders) == payload


def test_a_model_for_other_codes_is_refused():
    info = stream("snac", (1,))
    chunk = chunk_of(info, 24, seed=1)
    payload = pack(chunk, info, Mode.LM, Coders(lm=model("snac")))
    for coders in (Coders(), Coders(lm=model("flat"))):
        with pytest.raises(ModelError, match="language model"):
            pack(chunk, info, Mode.LM, coders)
        with pytest.raises(ModelError, match="language model"):
            unpack(payload, 24, info, Mode.LM, coders)


def test_a_mode_of_the_future_stops_a_batch():
    info = stream("flat", (1,))
    packed = Packed(pack(chunk_of(info, 24, 1), info, Mode.PACKED), 24, 3)
    with pytest.raises(UnsupportedStream):
        unpack_each([packed], info, Coders())


def test_the_class_from_a_file_does_as_its_parts(tmp_path: Path):
    from nac_cli.entropy.lm import LanguageModel, model_id, save

    path = tmp_path / "x.lm.safetensors"
    save(path, quantised(small()))
    lm = LanguageModel(path, workers=1)
    assert lm.model_id == model_id(path) and lm.config == small()
    info = stream("flat", (2,))
    chunk = chunk_of(info, 72, 3)
    assert pack(chunk, info, Mode.LM, Coders(lm=lm)) == pack(chunk, info, Mode.LM, Coders(lm=model("flat")))
    lm.close()
