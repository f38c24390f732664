"""Tags, pictures and the PCM digest."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.container import ContainerReader, PcmDigest, Picture, Tags
from nac_cli.container.tags import (
    pack_digest,
    pack_picture,
    pack_tags,
    unpack_digest,
    unpack_picture,
    unpack_tags,
)
from nac_cli.errors import CorruptStream, LimitExceeded, UsageError
from tests.container.streams import PICTURE, TAGS, block, insert, read_all, small_stream

KEY_CHARACTERS = st.characters(min_codepoint=0x20, max_codepoint=0x7D, exclude_characters="=")
KEYS = st.text(KEY_CHARACTERS, min_size=1, max_size=20)
VALUES = st.text(max_size=50)
U32 = st.integers(0, 2**32 - 1)
MEDIA_TYPES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E))
PICTURES = st.builds(Picture, U32, MEDIA_TYPES, VALUES, U32, U32, U32, U32, st.binary())


@given(st.lists(st.tuples(KEYS, VALUES), max_size=20).map(tuple))
def test_tags_round_trip(items):
    assert unpack_tags(pack_tags(items), "tags") == items


@given(PICTURES)
def test_picture_round_trip(picture):
    assert unpack_picture(pack_picture(picture), "pict") == picture


def test_picture_layout_is_flacs():
    flac = pytest.importorskip("mutagen.flac")
    theirs = flac.Picture(pack_picture(PICTURE))
    assert (theirs.type, theirs.mime, theirs.desc, theirs.data) == (3, "image/png", "front", PICTURE.data)
    assert theirs.write() == pack_picture(PICTURE)


@pytest.mark.parametrize("bits, floating", [(8, False), (20, False), (24, False), (32, True), (64, True)])
def test_digest_round_trip(bits, floating):
    digest = PcmDigest(bytes(range(16)), bits, floating)
    assert unpack_digest(pack_digest(digest), "pmd5") == digest


@pytest.mark.parametrize("size, bits, floating", [(15, 16, False), (16, 7, False), (16, 24, True)])
def test_impossible_digests_are_not_written(size, bits, floating):
    with pytest.raises(UsageError):
        pack_digest(PcmDigest(bytes(size), bits, floating))


@pytest.mark.parametrize("format_byte, size", [("", 0), ("10", 15), ("10", 17), ("07", 16), ("98", 16)])
def test_bad_digests_are_corrupt(format_byte, size):
    with pytest.raises(CorruptStream):
        unpack_digest(bytes.fromhex(format_byte) + bytes(size), "pmd5")


@pytest.mark.parametrize("key", ["", "A=B", "Ä", "tilde~", "tab\t", "k" * 256])
def test_keys_that_cannot_be_written(key):
    with pytest.raises(UsageError, match="key"):
        pack_tags(((key, "value"),))


def test_values_that_are_no_text_cannot_be_written():
    with pytest.raises(UsageError, match="UTF-8"):
        pack_tags((("KEY", "\ud800"),))


@pytest.mark.parametrize(
    "payload",
    [b"", b"\x01", b"\x00\x00", b"\x01\x03KEY", b"\x01\x02=v", b"\x01\x04K\xc3=v", b"\x01\x04KE=\xff",
     b"\x01\x09A=1", b"\x02\x03A=1", b"\x01\x03~=1", b"\x01\x00"],
)  # fmt: skip
def test_bad_tags_are_corrupt(payload):
    with pytest.raises(CorruptStream, match="tags"):
        unpack_tags(payload, "tags")


def test_a_picture_whose_lengths_lie_is_corrupt():
    payload = pack_picture(PICTURE)
    for size in range(len(payload)):
        with pytest.raises(CorruptStream):
            unpack_picture(payload[:size], "pict")
    with pytest.raises(CorruptStream):
        unpack_picture(payload + b"\0", "pict")
    with pytest.raises(CorruptStream):
        unpack_picture(payload[:4] + b"\xff\xff\xff\xff" + payload[8:], "pict")


def test_too_many_tags():
    with pytest.raises(LimitExceeded):
        pack_tags((("A", "1"),) * 4097)
    with pytest.raises(LimitExceeded, match="number of tags"):
        unpack_tags(b"\x81\x20", "tags")


def test_limits_hold_over_all_blocks_of_a_file():
    items = block(b"tags", pack_tags((("A", "1"),) * 2000))
    data = insert(small_stream(), b"CHNK", items * 2)
    assert len(ContainerReader(io.BytesIO(data)).tags.items) == 4003
    with pytest.raises(LimitExceeded, match="4096 tags"):
        ContainerReader(io.BytesIO(insert(data, b"CHNK", items)))
    with pytest.raises(LimitExceeded, match="32 pictures"):
        ContainerReader(io.BytesIO(insert(data, b"CHNK", block(b"pict", pack_picture(PICTURE)) * 32)))


def test_a_stream_carries_tags_picture_and_digest():
    *_, reader = read_all(small_stream(), strict=True)
    assert reader.tags == TAGS
    assert reader.md5 == PcmDigest(bytes(range(16)), 16)


def test_a_large_picture_travels_and_a_larger_one_is_refused():
    large = Picture(3, "image/jpeg", "", 0, 0, 0, 0, b"\xff" * (2**24 - 1 - 42))
    data = small_stream(tags=Tags((), (large,)))
    assert ContainerReader(io.BytesIO(data)).tags.pictures == (large,)
    too_large = Picture(3, "image/jpeg", "", 0, 0, 0, 0, b"\xff" * 2**24)
    with pytest.raises(LimitExceeded, match="pict"):
        small_stream(tags=Tags((), (too_large,)))


def test_padding_lets_tags_grow_without_touching_anything_else():
    """What a tag editor does: the same bytes before and after, the tags longer, the padding shorter."""
    tags = Tags((("TITLE", "short"),))
    data = small_stream(tags=tags, padding=100)
    longer = pack_tags((("TITLE", "rather longer"),))
    old = block(b"tags", pack_tags(tags.items)) + block(b"padd", bytes(100))
    new = block(b"tags", longer)
    new += block(b"padd", bytes(len(old) - len(new) - 12))
    edited = data.replace(old, new)
    assert len(edited) == len(data) and edited != data
    records, _, reader = read_all(edited, strict=True)
    assert reader.tags.items == (("TITLE", "rather longer"),)
    assert records == read_all(data)[0]


def test_tags_can_change_size_and_only_the_bytes_after_move():
    """No offset counts from the start of the file: the index stays valid when the tags' size changes."""
    data = small_stream(tags=Tags((("TITLE", "short"),)), padding=0)
    old, new = (block(b"tags", pack_tags((("TITLE", title),))) for title in ("short", "much, much longer"))
    edited = data.replace(old, new)
    assert len(edited) > len(data)
    *_, reader = read_all(edited, strict=True)
    assert reader.chunk(1) == read_all(data)[0][1]
