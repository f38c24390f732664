from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.entropy.bits import BitReader, BitWriter
from nac_cli.entropy.rice import read_series, series_bits, unzigzag, write_series, zigzag
from nac_cli.errors import CorruptStream


def test_zigzag_interleaves_signs():
    differences = np.array([0, -1, 1, -2, 2])
    assert zigzag(differences).tolist() == [0, 1, 2, 3, 4]
    assert unzigzag(zigzag(differences)).tolist() == differences.tolist()


@given(st.lists(st.integers(0, 255), min_size=1, max_size=60))
def test_series_round_trip_in_the_bits_foretold(values):
    writer = BitWriter()
    write_series(writer, np.array(values), 8)
    packed = writer.to_bytes()
    assert len(packed) == -(-series_bits(np.array(values), 8) // 8)
    reader = BitReader(packed)
    assert read_series(reader, len(values), 8, 255, "value").tolist() == values
    reader.align()
    reader.finish()


@pytest.mark.parametrize(
    ("bits", "fault"),
    [
        ("00000101 00 0", "outside"),  # first value 5 of at most 4
        ("00000000 00 10", "outside"),  # 0 - 1
        ("00000100 00 110", "outside"),  # 4 + 1
        ("00000000 00 1111111110", "in a row"),  # nine ones: no difference of 4 takes more than eight
        ("00000000 01 00", "cheapest"),  # a difference of 0 costs two bits here, one with k = 0
    ],
)
def test_series_of_two_that_no_writer_makes(bits, fault):
    digits = bits.replace(" ", "").ljust(24, "0")
    with pytest.raises(CorruptStream, match=fault):
        read_series(BitReader(int(digits, 2).to_bytes(3, "big")), 2, 8, 4, "value")


def test_a_series_cut_off():
    with pytest.raises(CorruptStream, match="ends early"):
        read_series(BitReader(bytes(2)), 8, 8, 4, "value")  # room for the first value, k and six differences
