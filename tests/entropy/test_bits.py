from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.entropy.bits import BitReader, BitWriter
from nac_cli.errors import CorruptStream


def test_bits_go_most_significant_first():
    writer = BitWriter()
    writer.write(5, 3)
    writer.write_unary(2)
    writer.write_codes(np.array([1, 2], np.int32), 3)
    assert writer.to_bytes() == bytes([0b101_110_00, 0b1_010_0000])


@given(st.integers(0, 16), st.integers(0, 300), st.integers(0, 7), st.integers(0, 2**32 - 1))
def test_codes_round_trip_at_every_width_and_offset(width, count, offset, seed):
    codes = np.random.default_rng(seed).integers(0, 1 << width, count).astype(np.int32)
    writer = BitWriter()
    writer.write_unary(offset)
    writer.write_codes(codes, width)
    writer.align()
    writer.write(200, 8)
    reader = BitReader(writer.to_bytes())
    assert reader.read_unary(7) == offset
    assert np.array_equal(reader.read_codes(count, width), codes)
    reader.align()
    assert reader.rest() == bytes([200])
    assert reader.read(8) == 200
    reader.finish()


@pytest.mark.parametrize(
    "read",
    [
        lambda reader: reader.read(17),
        lambda reader: reader.read_codes(3, 6),
        lambda reader: reader.read_unary(7),  # eight ones
        lambda reader: (reader.read(8), reader.read(4), reader.align()),  # 0001 is left of the byte
        lambda reader: (reader.read(8), reader.finish()),
    ],
)
def test_what_is_not_there_is_an_error(read):
    with pytest.raises(CorruptStream):
        read(BitReader(bytes([0xFF, 0x01])))


def test_an_unary_run_may_not_leave_the_payload():
    with pytest.raises(CorruptStream):
        BitReader(b"\xff").read_unary(100)
