"""Rounding, roots, norms and tables against Python's own integers, on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nac_cli.entropy import coder
from nac_cli.entropy.lm.arithmetic import BACKENDS, exponentials, frequencies, isqrt, requantise, rms_norm, shares

from .. import range_encoder


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20), st.integers(0, 2**31 - 2))
def test_isqrt_is_the_integer_root(values, root):
    edges = [root * root, root * root + 2 * root, max(root * root - 1, 0)]
    values = values + [edge for edge in edges if edge <= 2**62]
    assert isqrt(np.array(values, np.int64)).tolist() == [math.isqrt(value) for value in values]


@given(
    st.lists(st.integers(1 - 2**31, 2**31 - 1), min_size=1, max_size=20), st.integers(0, 2**31 - 1), st.integers(1, 62)
)
def test_requantise_rounds_halves_up(values, multiplier, shift):
    exact = [(value * multiplier + (1 << (shift - 1))) >> shift for value in values]
    assert requantise(np.array(values, np.int64), multiplier, shift).tolist() == exact


@given(
    hnp.arrays(np.int64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.integers(1 - 2**24, 2**24 - 1)),
    st.integers(1 - 2**31, 2**31 - 1),
    st.integers(1, 62),
)
def test_rms_norm_in_big_integers(states, gain, shift):
    def normal(row):
        reciprocal = 2**46 // max(math.isqrt(sum(x * x for x in row)), 1)
        rounded = [((x * reciprocal + 2**15) >> 16) * gain + 2 ** (shift - 1) for x in row]
        return [min(max(x >> shift, -127), 127) for x in rounded]

    gains = np.full(states.shape[1], gain, np.int64)
    assert rms_norm(states, gains, shift).tolist() == [normal(row) for row in states.tolist()]


def test_rms_norm_at_the_bounds_of_its_range():
    """The widest state, all saturated: the sum of squares must not leave int64."""
    states = np.full((1, 2048), 2**24 - 1, np.int64)
    gain = 127 * math.isqrt(2048) * 2**30 // 2**30
    assert abs(int(rms_norm(states, np.array([gain << 1]), 31)[0, 0]) - 127) <= 1


@given(st.integers(2, 300), st.integers(0, 2**32 - 1), st.sampled_from([1, 100, 2000, 2**58]), st.integers(1, 132104))
def test_tables_and_shares_in_big_integers_on_every_backend(size, seed, spread, total):
    rng = np.random.default_rng(seed)
    logits = rng.integers(-spread, spread + 1, (3, size))
    table = np.sort(rng.integers(0, 2**20 + 1, 1024))[::-1].astype(np.int32)
    table[0], table[-1] = max(table[0], 1), 0
    for backend in BACKENDS:
        exponential = exponentials(table, backend)
        rows = [[int(table[min(max(row) - logit, 1023)]) for logit in row] for row in logits.tolist()]
        exact = [[total * e // sum(row) for e in row] for row in rows]
        assert shares(logits, exponential, total, backend).tolist() == exact
        tables = frequencies(logits, exponential, backend).tolist()
        for row, logit_row, result in zip(rows, logits.tolist(), tables):
            expected = [1 + (65536 - size) * e // sum(row) for e in row]
            expected[logit_row.index(max(logit_row))] += 65536 - sum(expected)
            assert result == expected and min(result) >= 1 and sum(result) == 65536


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_products_agree_between_backends(inner, seed):
    rng = np.random.default_rng(seed)
    left = rng.choice([-127, 127], (5, inner * 34))
    right = rng.choice([-64, 64], (inner * 34, 6))
    exact = [[sum(a * b for a, b in zip(row, column)) for column in right.T.tolist()] for row in left.tolist()]
    for backend in BACKENDS:
        assert backend.product(left.astype(backend.dtype), right.astype(backend.dtype)).tolist() == exact


@pytest.mark.parametrize("size", [2, 3, 1000, 32768])
def test_intervals_give_the_words_of_whole_tables(size):
    rng = np.random.default_rng(size)
    logits = rng.integers(0, 600, (34, size))
    logits[[30, 31, 32, 33], [0, -1, 0, -1]] = 9999
    table = np.rint(2**20 * np.exp(-np.arange(1024) / 64)).astype(np.int32)
    tables = frequencies(logits, exponentials(table, BACKENDS[0]), BACKENDS[0])
    symbols = rng.integers(0, size, len(tables))
    symbols[:8] = [0, 0, 0, 0, size - 1, size - 1, size - 1, size - 1]
    symbols[-4:] = [0, size - 1, size - 1, 0]
    starts = [int(table[:symbol].sum()) for symbol, table in zip(symbols, tables)]
    data = coder.encode_intervals(np.array(starts), tables[np.arange(len(tables)), symbols])
    assert np.frombuffer(data, "<u4").tolist() == range_encoder.encode(symbols.tolist(), tables.tolist())
    decoder, weights = coder.TableDecoder(data), coder.weights_of(tables)
    assert [decoder.decode(weights[row : row + 1]) for row in range(len(tables))] == symbols.tolist()
    assert decoder.error is None
