"""Rounding, roots, norms and tables against Python's own integers, on every backend."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nac_cli.entropy import coder
from nac_cli.entropy.lm.arithmetic import BACKENDS, Norm, Rescale, Shares, frequencies, isqrt, whole
from tests.entropy import range_encoder


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=20), st.integers(0, 2**31 - 2))
def test_isqrt_is_the_integer_root(values, root):
    edges = [root * root, root * root + 2 * root, max(root * root - 1, 0)]
    values = values + [edge for edge in edges if edge <= 2**62]
    assert isqrt(np.array(values, np.int64)).tolist() == [math.isqrt(value) for value in values]


@given(
    st.lists(st.integers(1 - 2**24, 2**24 - 1), min_size=1, max_size=20),
    st.integers(0, 31).flatmap(lambda bits: st.integers(0, 2**bits - 1)),
    st.integers(0, 30).flatmap(lambda bits: st.integers(-(2**bits), 2**bits)),
    st.integers(1, 62),
    st.integers(-(2**20), 2**20),
)
def test_rescale_rounds_halves_up_on_every_backend(sums, multiplier, bias, shift, addend):
    exact = [(((value + bias) * multiplier + (1 << (shift - 1))) >> shift) + addend for value in sums]
    largest = np.array([max(map(abs, sums))])
    for backend in BACKENDS:
        rescale = Rescale(np.array([multiplier]), np.array([bias]), shift, largest, backend, abs(addend))
        values = np.array(sums, backend.dtype)
        assert whole(rescale(values, rescale.addend(addend))).tolist() == exact
        assert whole(rescale(values)).tolist() == [value - addend for value in exact]


def test_rescale_at_every_boundary_between_two_integers():
    """Sums one below, on and one above each multiple of a power of two."""
    for multiplier, shift in [(1, 1), (3, 5), (2**30 - 1, 36), (2**27, 50)]:
        sums = np.arange(-(2**18), 2**18)
        exact = (sums * multiplier + (1 << (shift - 1))) >> shift
        rescale = Rescale(np.array([multiplier]), np.array([0]), shift, np.array([2**18]), BACKENDS[0])
        assert rescale.dtype is np.float64
        assert np.array_equal(whole(rescale(sums.astype(np.float32))), exact)


@pytest.mark.parametrize("multiplier, bias, shift", [(2**31 - 1, 0, 1), (2**31 - 1, 2**30 - 3, 8), (2**31 - 1, 5, 62)])
def test_rescale_where_floats_are_too_short(multiplier, bias, shift):
    sums = np.arange(2**24 - 99, 2**24)
    exact = [((value + bias) * multiplier + (1 << (shift - 1))) >> shift for value in sums.tolist()]
    for backend in BACKENDS:
        rescale = Rescale(np.array([multiplier]), np.array([bias]), shift, np.array([2**24]), backend)
        assert rescale.dtype is np.int64 and rescale(sums.astype(backend.dtype)).tolist() == exact


states_of_all_sizes = st.integers(1, 24).flatmap(
    lambda bits: hnp.arrays(
        np.int64, st.tuples(st.integers(1, 3), st.integers(1, 40)), elements=st.integers(1 - 2**bits, 2**bits - 1)
    )
)


@given(states_of_all_sizes, st.integers(1 - 2**31, 2**31 - 1), st.integers(1, 62))
def test_norm_in_big_integers_on_every_backend(states, gain, shift):
    def normal(row):
        reciprocal = 2**46 // max(math.isqrt(sum(x * x for x in row)), 1)
        rounded = [((x * reciprocal + 2**15) >> 16) * gain + 2 ** (shift - 1) for x in row]
        return [min(max(x >> shift, -127), 127) for x in rounded]

    gains = np.full(states.shape[1], gain, np.int64)
    for backend in BACKENDS:
        assert Norm(gains, shift, backend)(states.astype(backend.wide)).tolist() == list(map(normal, states.tolist()))


@pytest.mark.parametrize("backend", BACKENDS)
def test_norm_just_below_squares_and_at_the_bounds_of_its_range(backend):
    """Where floats would round a root up, and the widest state, all saturated, whose sum of squares needs 59 bits."""
    for root in (2**20, 2**26 - 1, 2**26, 2**26 + 1, 94906265):
        one = math.isqrt(root * root - 1 - 4)
        for row in ([root - 1, 1], [one, 2], [min(root, 2**24 - 1)] * 4 + [3, 0]):
            row = [min(value, 2**24 - 1) for value in row] * 3
            gain = np.full(len(row), 127 * 2**20, np.int64)
            states = np.array([row], backend.wide)
            exact = Norm(gain, 50, BACKENDS[-1])(np.array([row], np.int64))
            assert np.array_equal(Norm(gain, 50, backend)(states), exact)
    states = np.full((1, 2048), 2**24 - 1, backend.wide)
    gain = np.full(2048, 127 * math.isqrt(2048) << 1)
    assert abs(int(Norm(gain, 31, backend)(states)[0, 0]) - 127) <= 1


@given(st.integers(2, 300), st.integers(0, 2**32 - 1), st.sampled_from([1, 100, 2000, 2**40]), st.integers(1, 132104))
def test_tables_and_shares_in_big_integers_on_every_backend(size, seed, spread, total):
    rng = np.random.default_rng(seed)
    logits = rng.integers(-spread, spread + 1, (3, size))
    table = np.sort(rng.integers(0, 2 ** rng.integers(1, 21) + 1, 1024))[::-1].astype(np.int32)
    table[0], table[-1] = max(table[0], 1), 0
    rows = [[int(table[min(max(row) - logit, 1023)]) for logit in row] for row in logits.tolist()]
    exact = [[total * e // sum(row) for e in row] for row in rows]
    fractions = rng.random(logits.shape)  # of floats only the floor counts
    for backend in BACKENDS:
        shares = Shares(table, backend)
        scores = logits + fractions if backend.wide is np.float64 else logits
        parts = shares.parts(shares.entries(scores.copy()), total, backend.dtype)
        assert parts.dtype == backend.dtype and parts.tolist() == exact
        tables = frequencies(scores.copy(), shares).tolist()
        for row, logit_row, result in zip(rows, logits.tolist(), tables):
            expected = [1 + (65536 - size) * e // sum(row) for e in row]
            expected[logit_row.index(max(logit_row))] += 65536 - sum(expected)
            assert result == expected and min(result) >= 1 and sum(result) == 65536


@given(st.integers(1, 2**20), st.integers(1, 2**15), st.integers(1, 2**18 - 1))
def test_a_share_that_is_a_whole_number_stays_one(exponential, count, total):
    """Where floats come closest to the wrong integer: quotients that are integers, and those just below one."""
    for e in {exponential, max(exponential - 1, 1), 1 << 20}:
        table = np.array([e, *[0] * 1023], np.int32)
        for backend in BACKENDS:
            shares = Shares(table, backend)
            parts = shares.parts(np.full((1, count), 1023), total, np.int64)
            assert set(parts[0].tolist()) == {total * e // (e * count)}


@given(st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_products_agree_between_backends(inner, seed):
    rng = np.random.default_rng(seed)
    left = rng.choice([-127, 127], (5, inner * 34))
    right = rng.choice([-64, 64], (inner * 34, 6))
    exact = [[sum(a * b for a, b in zip(row, column)) for column in right.T.tolist()] for row in left.tolist()]
    for backend in BACKENDS:
        assert backend.product(left.astype(backend.dtype), right.astype(backend.dtype)).tolist() == exact


def random_tables(rng: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Of all kinds of steepness, `[count, size]`."""
    logits = np.rint(rng.integers(0, 600, (count, size)) * rng.random((count, 1)) ** 3).astype(np.int64)
    table = np.rint(2**20 * np.exp(-np.arange(1024) / 64)).astype(np.int32)
    logits[rng.random(count) < 0.3, rng.integers(size)] = 9999
    return frequencies(logits, Shares(table, BACKENDS[2]))


@pytest.mark.parametrize("size", [2, 3, 1000, 32768])
def test_intervals_give_the_words_of_whole_tables(size):
    rng = np.random.default_rng(size)
    tables = random_tables(rng, 34, size)
    symbols = rng.integers(0, size, len(tables))
    symbols[:8] = [0, 0, 0, 0, size - 1, size - 1, size - 1, size - 1]
    symbols[8:16] = tables[8:16].argmax(axis=1)
    starts = [int(table[:symbol].sum()) for symbol, table in zip(symbols, tables)]
    data = coder.encode_intervals(np.array(starts), tables[np.arange(len(tables)), symbols])
    assert np.frombuffer(data, "<u4").tolist() == range_encoder.encode(symbols.tolist(), tables.tolist())
    decoders, row = coder.TableDecoders([data]), np.zeros(1, np.int64)
    assert [decoders.decode(row, table[None]).symbols[0] for table in tables] == symbols.tolist()
    assert decoders.error(0) is None


@settings(max_examples=30)
@given(st.integers(1, 5), st.sampled_from([2, 3, 50, 1000]), st.integers(0, 2**32 - 1))
def test_decoders_do_as_constriction_does(count, size, seed):
    """Streams that were encoded, arbitrary words and too few of them, side by side and at changing times."""
    rng = np.random.default_rng(seed)
    tables = random_tables(rng, 40 * count, size).reshape(40, count, size)
    streams, references = [], []
    for row in range(count):
        symbols = np.array([rng.choice(size, p=table / 65536) for table in tables[:, row]])
        starts = tables[:, row].cumsum(axis=1)[np.arange(40), symbols]
        widths = tables[np.arange(40), row, symbols]
        whole_stream = coder.encode_intervals(starts - widths, widths)
        words = rng.integers(0, 2**32, rng.integers(0, 12)).astype("<u4")
        kinds = [whole_stream, whole_stream[: len(whole_stream) // 8 * 4], words.tobytes(), b"\xff" * 40]
        streams.append(kinds[rng.integers(4)])
        references.append(coder.RangeDecoder(np.frombuffer(streams[-1], "<u4").astype(np.uint32)))
    decoders, failed, intervals = coder.TableDecoders(streams), [False] * count, [[] for _ in range(count)]
    for step in range(40):
        rows = np.flatnonzero(rng.random(count) < 0.8)
        decoded = decoders.decode(rows, tables[step, rows])
        for place, row in enumerate(rows):
            table, symbol = tables[step, row], decoded.symbols[place]
            try:
                expected = references[row].decode(coder.categorical(table))
            except AssertionError:
                failed[row] = True
            if not failed[row]:
                assert symbol == expected
            assert decoded.starts[place] == table[:symbol].sum() and decoded.widths[place] == table[symbol]
            intervals[row].append((decoded.starts[place], decoded.widths[place]))
    for row, stream in enumerate(streams):
        words = coder.encode_intervals(*np.array(intervals[row], np.int64).reshape(-1, 2).T)
        assert decoders.failed[row] == (decoders.error(row) is not None)
        if decoders.failed[row]:
            assert failed[row] or len(words) > len(stream), "only what cannot be right"
        else:
            assert not failed[row] and len(words) <= len(stream) + 4, "a second word at the end may be missing"


def test_bytes_that_are_no_words():
    decoders = coder.TableDecoders([bytes(8), bytes(7)])
    assert decoders.error(0) is None and "32-bit words" in str(decoders.error(1))
