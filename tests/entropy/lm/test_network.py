"""Parallel pass, step pass and all backends give the same tables; tables are valid whatever the weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.entropy.lm import LmConfig, Network
from nac_cli.entropy.lm.arithmetic import BACKENDS
from nac_cli.entropy.lm.step import StepPass
from nac_cli.values import ABSENT
from tests.entropy.lm.models import Chunk, extreme, quantised, random_chunk, small

Found = dict[tuple[int, int], list[int]]


@st.composite
def configs(draw: st.DrawFn) -> LmConfig:
    planes = draw(st.integers(1, 4))
    heads = draw(st.sampled_from([1, 2, 4]))
    return small(
        tuple(draw(st.lists(st.integers(2, 40), min_size=planes, max_size=planes))),
        strides=draw(st.sampled_from([(1, 1, 1, 1), (4, 2, 1, 1), (1, 3, 2, 1)]))[:planes],
        layers=draw(st.integers(1, 2)),
        width=heads * draw(st.integers(1, 5)),
        heads=heads,
        window=draw(st.integers(1, 90)),
        shared_hidden=draw(st.booleans()),
        embedding_rank=draw(st.sampled_from([0, 5])),
        attention_total=draw(st.sampled_from([1, 255, 65535])),
    )


def parallel_tables(network: Network, chunk: Chunk) -> Found:
    return {
        (frame, tables.plane): table.tolist()
        for tables in network.tables(*chunk)
        for frame, table in zip(tables.frames.tolist(), tables.frequencies)
    }


def step_tables(network: Network, chunks: list[Chunk]) -> list[Found]:
    """Tables of chunks, longest first, that advance together."""
    found: list[Found] = [{} for _ in chunks]
    step = StepPass(network, len(chunks), chunks[0][1].size)
    for frame in range(chunks[0][1].size):
        active = [chunk for chunk in chunks if chunk[1].size > frame]
        step.advance(np.array([depths[frame] for _, depths in active]))
        for plane in range(network.config.planes):
            codes = np.array([codes[plane, frame] for codes, _ in active])
            rows = np.flatnonzero(codes != ABSENT)
            for row, table in zip(rows, step.tables(plane, rows)):
                found[row][frame, plane] = table.tolist()
            step.put(plane, rows, codes[rows])
    return found


@settings(max_examples=40)
@given(configs(), st.lists(st.integers(1, 90), min_size=1, max_size=4), st.integers(0, 2**32 - 1), st.booleans())
def test_parallel_equals_step(config, lengths, seed, steep):
    """Over shapes, strides, windows below and above the blocks of queries, depths, lengths and batches."""
    rng = np.random.default_rng(seed)
    network = Network(extreme(config, seed) if steep else quantised(config, seed, 20), BACKENDS[0])
    chunks = [random_chunk(rng, config, length) for length in sorted(lengths, reverse=True)]
    assert step_tables(network, chunks) == [parallel_tables(network, chunk) for chunk in chunks]


@pytest.mark.parametrize("make", [quantised, extreme])
def test_backends_agree_and_tables_are_valid(make):
    config = small((2, 5, 300), window=9, width=32, heads=2)
    rng = np.random.default_rng(3)
    for seed in range(4):
        model, chunk = make(config, seed), random_chunk(rng, config, 150)
        tables = [parallel_tables(Network(model, backend), chunk) for backend in BACKENDS]
        assert tables[0] == tables[1] == tables[2]
        assert len(tables[0]) == np.count_nonzero(chunk[0] != ABSENT)
        assert all(min(table) >= 1 and sum(table) == 65536 for table in tables[0].values())


def test_the_widest_rows_are_still_exact():
    """All weights and activations as large as the sums in float32 allow."""
    config = small((2, 3), layers=1, width=512, heads=1, feed_width=2048, window=70, head_width=2048)
    chunk = random_chunk(np.random.default_rng(0), config, 70, 2)
    tables = [parallel_tables(Network(extreme(config), backend), chunk) for backend in BACKENDS[:2]]
    assert tables[0] == tables[1]


def test_only_the_past_counts():
    """Tables of a frame and plane do not know codes that come later, and do know those before."""
    config = small(window=5)
    network = Network(quantised(config), BACKENDS[0])
    codes, depths = random_chunk(np.random.default_rng(5), config, 30, 3)
    changed = codes.copy()
    changed[1, 12] = (codes[1, 12] + 1) % 16
    before, after = parallel_tables(network, (codes, depths)), parallel_tables(network, (changed, depths))
    differ = {key for key in before if before[key] != after[key]}
    assert min(differ) == (12, 2)
    assert {(13, 0), (13, 1), (13, 2), (14, 0)} <= differ


def test_attention_forgets_what_lies_outside_of_its_window():
    config = small(layers=1, window=5)
    network = Network(quantised(config), BACKENDS[0])
    codes, depths = random_chunk(np.random.default_rng(6), config, 90, 3)
    changed = codes.copy()
    changed[:, 61] = (codes[:, 61] + 1) % 7
    before, after = parallel_tables(network, (codes, depths)), parallel_tables(network, (changed, depths))
    frames = {frame for frame, plane in before if before[frame, plane] != after[frame, plane]}
    assert frames <= set(range(61, 67)) and {61, 62} <= frames
