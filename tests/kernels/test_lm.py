"""The language model's kernels give the integers of its int64 arithmetic, over shapes, lengths, bounds and batches."""

from __future__ import annotations

import numpy as np
import pytest

from nac_cli.entropy.lm import Network, decode, encode
from nac_cli.entropy.lm.arithmetic import BACKENDS
from nac_cli.entropy.lm.compiled import CompiledNetwork
from nac_cli.entropy.lm.self_test import prepare
from nac_cli.errors import CorruptStream
from nac_cli.kernels import load
from tests.entropy.lm.models import extreme, quantised, random_chunk, small

pytest.importorskip("numba")
STRIDES = (1, 1, 1, 1), (4, 2, 1, 1), (1, 3, 2, 1)


def config_of(rng: np.random.Generator):
    planes, heads = int(rng.integers(1, 5)), int(rng.choice([1, 2, 4]))
    return small(
        tuple(int(size) for size in rng.integers(2, 40, planes)),
        strides=STRIDES[rng.integers(3)][:planes],
        layers=int(rng.integers(1, 3)),
        width=heads * int(rng.integers(1, 12)),
        heads=heads,
        window=int(rng.integers(1, 90)),
        shared_hidden=bool(rng.integers(2)),
        embedding_rank=int(rng.choice([0, 5])),
        attention_total=int(rng.choice([1, 255, 65535, 132104])),
    )


@pytest.mark.parametrize("seed", range(16))
def test_kernels_equal_int64(seed):
    rng = np.random.default_rng(seed)
    config = config_of(rng)
    model = (extreme if seed % 2 else quantised)(config, seed)
    exact, compiled = Network(model, BACKENDS[-1]), CompiledNetwork(model, load("lm"))
    chunks = [random_chunk(rng, config, int(rng.integers(0, 150))) for _ in range(5)]
    for chunk in chunks:
        for found, wanted in zip(compiled.intervals(*chunk), exact.intervals(*chunk), strict=True):
            assert np.array_equal(found, wanted)
    streams = encode(exact, chunks)
    decoded = decode(compiled, streams, [depths for _, depths in chunks])
    assert all(np.array_equal(codes, wanted) for codes, (wanted, _) in zip(decoded, chunks, strict=True))


def test_tables_are_those_of_int64():
    config = small((2, 5, 300), window=9, width=32, heads=2)
    model, chunk = quantised(config), random_chunk(np.random.default_rng(0), config, 80)
    exact, compiled = Network(model, BACKENDS[-1]), CompiledNetwork(model, load("lm"))
    wanted = {(tables.plane, *key): row.tolist() for tables in exact.tables(*chunk) for key, row in rows(tables)}
    found = {(tables.plane, *key): row.tolist() for tables in compiled.tables(*chunk) for key, row in rows(tables)}
    assert found == wanted


def rows(tables):
    return [((frame,), table) for frame, table in zip(tables.frames.tolist(), tables.frequencies)]


def test_a_stream_that_runs_out_of_words_ends():
    model = quantised(small())
    network = CompiledNetwork(model, load("lm"))
    codes, depths = random_chunk(np.random.default_rng(5), network.config, 30, 3)
    (stream,) = encode(network, [(codes, depths)])
    bad, good = decode(network, [stream, stream], [np.full(3000, 3), depths])
    assert isinstance(bad, CorruptStream) and "too few words" in str(bad)
    assert np.array_equal(good, codes)


def test_the_known_answer_picks_kernels_and_the_environment_may_forbid_them(monkeypatch):
    model = quantised(small())
    assert isinstance(prepare(model), CompiledNetwork)
    monkeypatch.setenv("NAC_KERNELS", "numpy")
    load.cache_clear()
    try:
        assert isinstance(prepare(model), Network)
    finally:
        load.cache_clear()
