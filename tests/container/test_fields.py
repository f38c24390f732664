"""Varints and bounded fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.container.fields import FieldReader, pack_text, pack_varint
from nac_cli.errors import CorruptStream, LimitExceeded


@given(st.integers(0, 2**63 - 1))
def test_varint_round_trip_in_fewest_bytes(value):
    data = pack_varint(value)
    fields = FieldReader(data, "test")
    assert fields.varint("value") == value
    fields.end()
    assert len(data) == max(1, -(-value.bit_length() // 7))


@pytest.mark.parametrize("data", ["8000", "808000", "FF00", "", "80", "FFFF", "FF" * 9 + "01", "80" * 12])
def test_varint_of_other_forms_is_corrupt(data):
    with pytest.raises(CorruptStream):
        FieldReader(bytes.fromhex(data), "test").varint("value")


@pytest.mark.parametrize("value", [-1, 2**63])
def test_varint_out_of_range_is_not_written(value):
    with pytest.raises(LimitExceeded):
        pack_varint(value)


def test_below_is_corrupt_above_is_a_limit():
    with pytest.raises(CorruptStream, match="HEAD: rate is 7"):
        FieldReader(b"\x07", "HEAD").number("rate", 8, 9)
    with pytest.raises(LimitExceeded, match="limit is 9"):
        FieldReader(b"\x0a", "HEAD").number("rate", 8, 9)


def test_a_length_beyond_the_payload_is_corrupt():
    with pytest.raises(CorruptStream, match="needs 5 bytes"):
        FieldReader(b"\x05abc", "tags").text("tag", 0, 100)


@given(st.text(max_size=30))
def test_text_round_trip(text):
    assert FieldReader(pack_text(text), "test").text("text", 0, 200) == text


def test_text_must_be_utf8():
    with pytest.raises(CorruptStream, match="UTF-8"):
        FieldReader(b"\x02\xff\xfe", "test").text("text", 0, 9)


def test_left_over_bytes_are_corrupt():
    with pytest.raises(CorruptStream, match="1 bytes follow"):
        FieldReader(b"\x00", "test").end()
