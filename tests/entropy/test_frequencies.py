from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nac_cli.entropy import FrequencyTables, from_counts
from nac_cli.errors import ModelError


@given(arrays(np.int64, st.integers(2, 400), elements=st.integers(0, 2**47 - 1)))
def test_every_table_is_valid_and_follows_the_counts(counts):
    table = from_counts(counts)
    assert table.min() >= 1
    assert table.sum() == 65536
    by_count = table[np.lexsort((table, counts))]
    assert np.all(np.diff(by_count) >= 0)  # no code is likelier than one seen more often
    assert FrequencyTables([table]).sizes == (counts.size,)


def test_the_rule_by_hand():
    # 65533 free parts: floor(2/5 * 65533) = 26213 twice, 13106 once; 1 is left, for the first of the largest
    assert from_counts(np.array([1, 2, 2])).tolist() == [13107, 26215, 26214]


def test_unseen_codes_and_no_counts():
    assert from_counts(np.array([0, 10**9])).tolist() == [1, 65535]
    assert from_counts(np.zeros(3, int)).tolist() == [21846, 21845, 21845]


def test_the_largest_codebook():
    table = from_counts(np.arange(32768))
    assert table.min() >= 1
    assert table.sum() == 65536


def test_costs_are_bits():
    tables = FrequencyTables([np.array([32768, 16384, 16384])])
    assert tables.cost_bits(0).tolist() == [1.0, 2.0, 2.0]


@pytest.mark.parametrize(
    "table",
    [
        np.array([65536, 0]),
        np.array([65537, -1]),
        np.array([1, 2]),
        np.array([65536]),
        np.array([32768.0, 32768.0]),
        np.array([[32768, 32768]]),
        np.ones(65536, int),
    ],
)
def test_tables_that_cannot_be(table):
    with pytest.raises(ModelError, match="plane 0"):
        FrequencyTables([table])


@pytest.mark.parametrize("counts", [[-1, 2], [1], [0.5, 0.5], [2**47, 1], [[1, 2]]])
def test_counts_that_cannot_be(counts):
    with pytest.raises(ModelError):
        from_counts(np.array(counts))
