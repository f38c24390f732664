"""Round trips of batches, exact prices, and streams that no encoder makes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.entropy import coder
from nac_cli.entropy.lm import decode, encode, measure, prepare
from nac_cli.entropy.lm.step import StepPass
from nac_cli.errors import CorruptStream, NacError
from nac_cli.values import ABSENT
from tests.entropy.lm.models import extreme, quantised, random_chunk, small

NETWORKS = [
    prepare(quantised(small())),
    prepare(extreme(small())),
    prepare(quantised(small((5, 9, 17, 30), strides=(4, 2, 1, 1), shared_hidden=True))),
]


@settings(max_examples=30)
@given(st.sampled_from(NETWORKS), st.lists(st.integers(0, 40), max_size=5), st.integers(0, 2**32 - 1))
def test_round_trip_of_a_batch(network, lengths, seed):
    rng = np.random.default_rng(seed)
    deepest = [None, 0, 1, network.config.planes]
    chunks = [random_chunk(rng, network.config, length, rng.choice(deepest)) for length in lengths]
    streams = encode(network, chunks)
    decoded = decode(network, streams, [depths for _, depths in chunks])
    assert all(np.array_equal(left, right) for left, (right, _) in zip(decoded, chunks, strict=True))
    for stream, chunk in zip(streams, chunks):
        bits = measure(network, *chunk).bits()
        assert (bits[chunk[0] == ABSENT] == 0).all()
        assert bits.sum() - 32 <= 8 * len(stream) <= bits.sum() + 64
        assert encode(network, [chunk]) == [stream]


def test_the_stream_is_that_of_the_tables_frame_by_frame():
    """Against the coder with one whole table after the other."""
    network = NETWORKS[0]
    codes, depths = random_chunk(np.random.default_rng(1), network.config, 20)
    found = {
        (frame, tables.plane): table
        for tables in network.tables(codes, depths)
        for frame, table in zip(tables.frames, tables.frequencies)
    }
    keys = sorted(found)
    symbols = [np.array([codes[plane, frame]], np.int32) for frame, plane in keys]
    expected = coder.encode(symbols, [coder.categorical(found[key]) for key in keys])
    assert encode(network, [(codes, depths)]) == [expected]


def test_a_damaged_stream_leaves_its_neighbours_alone():
    network, rng = NETWORKS[0], np.random.default_rng(2)
    chunks = [random_chunk(rng, network.config, 30, 3) for _ in range(3)]
    streams, depths = encode(network, chunks), [depths for _, depths in chunks]
    good = streams[1]
    flipped = [good[:i] + bytes([good[i] ^ 1 << i % 8]) + good[i + 1 :] for i in range(len(good))]
    found = 0
    for bad in [b"", good[:-1], good[:-4], good + bytes(4), b"\xff" * len(good), bytes(len(good)), *flipped]:
        decoded = decode(network, [streams[0], bad, streams[2]], depths)
        if isinstance(decoded[1], CorruptStream):
            found += 1
        else:  # bytes that other codes have; what tells them from damage is the container's checksum
            assert encode(network, [(decoded[1], depths[1])]) == [bad]
        assert np.array_equal(decoded[0], chunks[0][0]) and np.array_equal(decoded[2], chunks[2][0])
    assert found > len(flipped) / 2


def test_a_stream_that_runs_out_of_words_takes_no_more_time(monkeypatch):
    """Some bytes may claim millions of codes."""
    network, rng, advanced = NETWORKS[0], np.random.default_rng(5), []
    advance = StepPass.advance
    monkeypatch.setattr(StepPass, "advance", lambda *args: advanced.append(args) or advance(*args))
    codes, depths = random_chunk(rng, network.config, 30, 3)
    (stream,) = encode(network, [(codes, depths)])
    claimed = np.full(3000, 3)
    bad, good = decode(network, [stream, stream], [claimed, depths])
    assert isinstance(bad, CorruptStream) and "too few words" in str(bad)
    assert np.array_equal(good, codes)
    assert len(advanced) < 60


def test_bytes_where_no_code_occurs():
    depths = np.zeros(5, int)
    assert isinstance(decode(NETWORKS[0], [bytes(4)], [depths])[0], CorruptStream)
    assert decode(NETWORKS[0], [b""], [depths])[0].tolist() == [[ABSENT] * 5] * 3


@pytest.mark.parametrize("plane, frame, code", [(0, 3, 7), (1, 0, ABSENT), (2, 2, -2)])
def test_codes_that_do_not_fit(plane, frame, code):
    codes, depths = random_chunk(np.random.default_rng(3), NETWORKS[0].config, 5, 3)
    codes[plane, frame] = code
    with pytest.raises(NacError):
        measure(NETWORKS[0], codes, depths)


def test_depths_and_shapes_that_do_not_fit():
    codes, depths = random_chunk(np.random.default_rng(4), NETWORKS[0].config, 5, 3)
    for bad_codes, bad_depths in [(codes, depths + 1), (codes[:2], depths), (codes, depths[:4])]:
        with pytest.raises(NacError):
            measure(NETWORKS[0], bad_codes, bad_depths)
    with pytest.raises(NacError):
        decode(NETWORKS[0], [b""], [depths - 4])
