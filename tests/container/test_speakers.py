"""The `chan` block: which channel is for which speaker."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.container import ContainerReader, stream_bytes
from nac_cli.container.fields import pack_varint
from nac_cli.container.header import unpack_speakers
from nac_cli.errors import CorruptStream, LimitExceeded, UsageError
from tests.container.streams import block, insert, read_all, reindex, stream_info, write_stream


@given(st.integers(1, 8), st.integers(0, 2**18 - 1))
def test_speakers_come_back_and_cost_what_was_said(channels, mask):
    mask = 0 if mask.bit_count() > channels else mask
    info = stream_info(0, channels=channels, speakers=mask)
    data = write_stream(info, [], 0)
    assert ContainerReader(io.BytesIO(data), strict=True).info == info
    assert stream_bytes(info, [], 0).total == len(data)
    assert len(data) - len(write_stream(stream_info(0, channels=channels), [], 0)) in (13, 14, 15)


def test_speakers_that_cannot_be_are_corrupt_and_not_written():
    for channels, mask, error in ((1, 3, CorruptStream), (8, 2**18, LimitExceeded)):
        with pytest.raises(error):
            unpack_speakers(pack_varint(mask), "chan", channels)
        with pytest.raises(UsageError):
            write_stream(stream_info(0, channels=channels, speakers=mask), [], 0)
    with pytest.raises(CorruptStream):
        unpack_speakers(b"\x03\x00", "chan", 2)


def test_a_second_word_on_speakers_is_damage():
    data = write_stream(stream_info(0, channels=2, speakers=0x30), [], 0)
    twice = reindex(insert(data, b"INDX", block(b"chan", b"\x03")), 0)
    _, _, reader = read_all(twice)
    assert reader.info.speakers == 0x30 and len(reader.damage) == 1
    with pytest.raises(CorruptStream, match="only once"):
        read_all(twice, strict=True)
