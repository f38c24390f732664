"""Blocks and the signature."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.container.blocks import (
    SIGNATURE,
    crc8,
    pack_block,
    pack_prefix,
    unpack_body,
    unpack_header,
    unpack_prefix,
)
from nac_cli.errors import CorruptStream, LimitExceeded, UnsupportedStream


def test_crc8_check_value():
    assert crc8(b"123456789") == 0xF4


@given(st.sampled_from(["CHNK", "tags", "x3yZ"]), st.binary(max_size=300))
def test_block_round_trip(kind, payload):
    data = pack_block(kind, payload)
    assert len(data) == len(payload) + 12
    assert unpack_header(data) == (kind, len(payload))
    block = unpack_body(kind, 5, data)
    assert (block.kind, block.offset, block.payload, block.size) == (kind, 5, payload, len(data))


@given(st.binary(max_size=40), st.data())
def test_no_flipped_bit_of_a_block_goes_unnoticed(payload, data):
    block = bytearray(pack_block("CHNK", payload))
    bit = data.draw(st.integers(0, 8 * len(block) - 1))
    block[bit // 8] ^= 1 << bit % 8
    assert unpack_header(block) is None or unpack_body("CHNK", 0, bytes(block)) is None


@pytest.mark.parametrize("kind", [b"1abc", b"ab c", b"ab\xe9c", b"abc\0", b"    "])
def test_types_are_ascii_letters_and_digits(kind):
    head = kind + bytes(3)
    assert unpack_header(head + bytes([crc8(head)])) is None


def test_too_long_a_payload_is_not_written():
    with pytest.raises(LimitExceeded, match="limit is 17"):
        pack_block("pmd5", bytes(18))


def test_prefix():
    assert unpack_prefix(pack_prefix()) == (1, 0)
    assert unpack_prefix(SIGNATURE + b"\x01\x09") == (1, 9)


@pytest.mark.parametrize("major", [0, 2, 255])
def test_other_major_versions_are_unsupported(major):
    with pytest.raises(UnsupportedStream, match=f"version {major}.3"):
        unpack_prefix(SIGNATURE + bytes([major, 3]))


@pytest.mark.parametrize("size", range(10))
def test_a_cut_off_prefix_is_corrupt(size):
    with pytest.raises(CorruptStream, match="empty" if size == 0 else f"ends after {size} bytes"):
        unpack_prefix(pack_prefix()[:size])


TEXT_MODE = {
    "CR LF to LF": SIGNATURE.replace(b"\r\n", b"\n"),
    "LF to CR LF": SIGNATURE.replace(b"\n", b"\r\n"),
    "lone LF to CR LF": b"\x89NAC\r\n\x1a\r\n",
    "all line ends to CR": SIGNATURE.replace(b"\r\n", b"\r").replace(b"\n", b"\r"),
    "CR to LF": SIGNATURE.replace(b"\r", b"\n"),
    "LF to CR": SIGNATURE.replace(b"\n", b"\r"),
    "Latin-1 to UTF-8": SIGNATURE.decode("latin-1").encode("utf-8"),
    "not UTF-8, replaced": SIGNATURE.decode("utf-8", "replace").encode("utf-8"),
    "not ASCII, replaced": b"?" + SIGNATURE[1:],
}


@pytest.mark.parametrize("changed", TEXT_MODE.values(), ids=TEXT_MODE)
def test_text_mode_damage_is_named(changed):
    with pytest.raises(CorruptStream, match="text-mode"):
        unpack_prefix((changed + b"\x01\x00HEAD")[:10])


def test_seven_bit_damage_is_named():
    with pytest.raises(CorruptStream, match="7-bit"):
        unpack_prefix(bytes(byte & 0x7F for byte in pack_prefix()))


@pytest.mark.parametrize("bit", range(64))
def test_a_flipped_bit_in_the_signature_is_corrupt(bit):
    changed = bytearray(pack_prefix())
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(CorruptStream):
        unpack_prefix(bytes(changed))


OTHER_FILES = [(b"RIFF....WA", "WAV"), (b"fLaC......", "FLAC"), (bytes(10), "not a nac"), (b"x", "not a nac")]


@pytest.mark.parametrize("data, name", OTHER_FILES)
def test_other_files_are_named_where_known(data, name):
    with pytest.raises(UnsupportedStream, match=name):
        unpack_prefix(data)
