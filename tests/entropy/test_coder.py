"""`constriction` does what the format says it does: its words are those of an integer range coder."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.entropy import coder, from_counts
from nac_cli.errors import CorruptStream
from tests.entropy import range_encoder

from ..reference.range_decoder import RangeDecoder


def words_of(data: bytes) -> list[int]:
    return np.frombuffer(data, "<u4").tolist()


def tables_of(size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Flat, random, and as steep as can be at either end."""
    one_sided = np.zeros(size, int)
    one_sided[0] = 1
    counts = [np.ones(size, int), rng.geometric(0.05, size), rng.pareto(1, size).astype(int), one_sided]
    return [from_counts(each) for each in (*counts, one_sided[::-1])]


@pytest.mark.parametrize("size", [2, 3, 5, 16, 125, 1000, 1024, 4096, 15625, 32768])
def test_words_equal_those_of_integer_arithmetic(size):
    rng = np.random.default_rng(size)
    tables = tables_of(size, rng)
    likely = [rng.choice(size, 60, p=table / 65536).astype(np.int32) for table in tables]
    unlikely = [rng.integers(0, size, 60).astype(np.int32) for _ in tables]
    runs, models = likely + unlikely, [coder.categorical(table) for table in tables * 2]

    data = coder.encode(runs, models)
    symbols = np.concatenate(runs).tolist()
    lists = [table.tolist() for table in tables * 2 for _ in range(60)]
    assert words_of(data) == range_encoder.encode(symbols, lists)
    decoder = RangeDecoder(data)
    assert [decoder.decode(table) for table in lists] == symbols
    assert np.concatenate(coder.decode(data, [60] * len(runs), models)).tolist() == symbols


def test_carries_and_the_second_seal_word():
    """Many short streams, so that the rare ends and carries occur; both kinds of seal must be among them."""
    rng = np.random.default_rng(0)
    seals = set()
    for _ in range(400):
        table = from_counts(rng.geometric(0.02, 3) ** 3)
        symbols = rng.integers(0, 3, rng.integers(0, 40)).astype(np.int32)
        words = words_of(coder.encode([symbols], [coder.categorical(table)]))
        assert words == range_encoder.encode(symbols.tolist(), [table.tolist()] * symbols.size)
        seals.add(words[-1:] == [0])
    assert seals == {True, False}


def test_one_symbol_by_hand():
    # scale 2^40 - 1, lower and width 2^63 - 2^23: the word that marks the upper half is 0x80000000
    model = coder.categorical(np.array([32768, 32768]))
    assert coder.encode([np.array([1], np.int32)], [model]) == bytes.fromhex("00000080")
    assert coder.encode([np.array([0], np.int32)], [model]) == bytes.fromhex("00000000")
    assert coder.encode([np.array([], np.int32)], [model]) == b""


@pytest.mark.parametrize("size", [2, 1024])
def test_at_most_64_bits_above_the_information(size):
    rng = np.random.default_rng(size)
    for table in tables_of(size, rng):
        for count in (1, 2, 3, 100, 20000):
            run = rng.choice(size, count, p=table / 65536).astype(np.int32)
            information = (16 - np.log2(table))[run].sum()
            assert 8 * len(coder.encode([run], [coder.categorical(table)])) <= information + 64


def test_words_that_no_encoder_makes():
    model = coder.categorical(from_counts(np.arange(1, 100)))
    run = np.arange(99, dtype=np.int32)
    data = coder.encode([run], [model])
    longer, shorter = [data + bytes(4), data + bytes(1)], [data[:-4], data[:-1], b""]
    for words in [*longer, *shorter, bytes(len(data)), b"\xff" * len(data)]:
        with pytest.raises(CorruptStream):
            coder.decode(words, [99], [model])
    with pytest.raises(CorruptStream):
        coder.decode(bytes(4), [0], [model])
