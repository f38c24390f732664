"""The HEAD payload."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.container.header import num_chunks, pack_header, unpack_header
from nac_cli.errors import CorruptStream, LimitExceeded, UnsupportedStream, UsageError
from nac_cli.values import CodecSpec, Framing, StreamInfo
from tests.container.streams import stream_info

RATES = st.integers(8000, 192_000)
NAMES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=8)


@st.composite
def stream_infos(draw) -> StreamInfo:
    plane = st.tuples(st.integers(2, 65536), st.sampled_from([1, 2, 4, 8]))
    sizes, strides = zip(*draw(st.lists(plane, min_size=1, max_size=64)))
    groups = draw(st.lists(st.sampled_from([1, 2]), min_size=1, max_size=8).filter(lambda it: sum(it) <= 8))
    frames = st.integers(1, 65536)
    codec = CodecSpec(
        draw(NAMES), draw(NAMES), draw(st.binary(min_size=8, max_size=8)),
        draw(RATES), draw(st.integers(1, 4096)), sizes, strides,
    )  # fmt: skip
    return StreamInfo(
        codec=codec,
        sample_rate=draw(RATES),
        channels=sum(groups),
        groups=tuple(groups),
        num_samples=draw(st.none() | st.integers(0, 2**24)),
        source_bits=draw(st.sampled_from([0, 8, 16, 24, 32])),
        framing=Framing(8 * draw(st.integers(1, 128)), draw(frames), draw(frames)),
        lm_id=draw(st.none() | st.binary(min_size=8, max_size=8)),
    )


@given(stream_infos())
def test_round_trip(info):
    try:
        num_chunks(info, info.num_samples or 0)
    except LimitExceeded:
        with pytest.raises(UsageError):
            pack_header(info)
    else:
        assert unpack_header(pack_header(info), "HEAD") == info


def test_sixteen_equal_planes_take_few_bytes():
    sixteen = replace(stream_info().codec, codebook_sizes=(1024,) * 16, strides=(1,) * 16)
    one = replace(sixteen, codebook_sizes=(1024,), strides=(1,))
    assert len(pack_header(stream_info(codec=sixteen))) == len(pack_header(stream_info(codec=one)))


CODEC = stream_info().codec
UNWRITABLE = {
    "channels beyond the groups": {"channels": 2, "groups": (1,)},
    "a group of three": {"channels": 3, "groups": (3,)},
    "no channels": {"channels": 0, "groups": ()},
    "nine channels": {"channels": 9, "groups": (1,) * 9},
    "a low rate": {"sample_rate": 7999},
    "a high rate": {"sample_rate": 192_001},
    "seven bits": {"source_bits": 7},
    "too long": {"num_samples": 2**40 + 1},
    "too many chunks": {"num_samples": 2**40},
    "negative length": {"num_samples": -1},
    "a short id": {"codec": replace(CODEC, model_id=b"1234567")},
    "a short LM id": {"lm_id": b"1234567"},
    "no name": {"codec": replace(CODEC, name="")},
    "a long name": {"codec": replace(CODEC, name="n" * 33)},
    "an escape sequence in the name": {"codec": replace(CODEC, name="\x1b[2J")},
    "no planes": {"codec": replace(CODEC, codebook_sizes=(), strides=())},
    "65 planes": {"codec": replace(CODEC, codebook_sizes=(4,) * 65, strides=(1,) * 65)},
    "a stride too few": {"codec": replace(CODEC, strides=(1,))},
    "a codebook of one": {"codec": replace(CODEC, codebook_sizes=(1, 4))},
    "a codebook too large": {"codec": replace(CODEC, codebook_sizes=(65537, 4))},
    "a stride that does not divide the chunk": {"codec": replace(CODEC, strides=(3, 1))},
    "no hop": {"codec": replace(CODEC, hop_length=0)},
    "chunks of no frames": {"framing": Framing(0, 4, 4)},
    "chunks of too many samples": {"framing": Framing(65536, 4, 4)},
}  # fmt: skip


@pytest.mark.parametrize("changes", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_no_reader_accepts_is_not_written(changes):
    with pytest.raises(UsageError):
        pack_header(stream_info(**changes))


def changed(position: int, value: bytes) -> bytes:
    payload = bytearray(pack_header(stream_info()))
    payload[position : position + len(value)] = value
    return bytes(payload)


# flags 00 | rate C0 3E | channels 01 | groups 00 | bits 10 | samples + 1 DD 0B | id | 04 demo ...
@pytest.mark.parametrize(
    "position, value, error",
    [
        (0, b"\x02", UnsupportedStream),
        (0, b"\x80", UnsupportedStream),
        (0, b"\x01", CorruptStream),  # an LM id that is not there
        (1, b"\xbf\x3e", CorruptStream),  # 7999 Hz
        (3, b"\x00", CorruptStream),
        (3, b"\x09", LimitExceeded),
        (4, b"\x01", CorruptStream),  # a pair in one channel
        (4, b"\x02", CorruptStream),  # a second group
        (5, b"\x07", CorruptStream),
        (5, b"\x21", LimitExceeded),
        (16, b"\x00", CorruptStream),  # no family
        (16, b"\x21", LimitExceeded),
        (17, b"\x07", CorruptStream),  # a bell in the family
    ],
)
def test_bad_fields(position, value, error):
    with pytest.raises(error, match="HEAD"):
        unpack_header(changed(position, value), "HEAD")


def test_every_cut_is_corrupt_and_so_is_a_byte_more():
    payload = pack_header(stream_info(lm_id=b"lm-model"))
    for size in range(len(payload)):
        with pytest.raises(CorruptStream):
            unpack_header(payload[:size], "HEAD")
    with pytest.raises(CorruptStream):
        unpack_header(payload + b"\0", "HEAD")


def test_runs_of_planes_have_one_form():
    payload = pack_header(stream_info())
    run = bytes([2, 2, 4, 1])  # two planes: one run of two, size 4, stride 1
    assert run in payload
    for other in ([2, 1, 4, 1, 1, 4, 1], [2, 0, 4, 1, 2, 4, 1], [2, 3, 4, 1], [2, 1, 4, 1]):
        with pytest.raises(CorruptStream):
            unpack_header(payload.replace(run, bytes(other)), "HEAD")


def test_limits_hold_before_anything_is_allocated():
    payload = pack_header(stream_info())
    for planes in (b"\x41\x41\x04\x01", b"\xff\xff\xff\xff\x0f\xff\xff\xff\xff\x0f\x04\x01"):
        with pytest.raises(LimitExceeded, match="planes"):
            unpack_header(payload.replace(bytes([2, 2, 4, 1]), planes), "HEAD")


def test_what_a_chunk_may_decode_to_is_bounded():
    codec = replace(CODEC, hop_length=1, codebook_sizes=(4,) * 64, strides=(1,) * 64)
    with pytest.raises(UsageError, match="codes a chunk"):
        pack_header(stream_info(channels=2, codec=codec, framing=Framing(2**16, 4, 4)))
    with pytest.raises(UsageError, match="samples a chunk"):
        pack_header(stream_info(framing=Framing(2**16, 4, 4)))
