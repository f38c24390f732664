"""Writing: sizes, promises, misuse."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.container import ChunkRecord, ContainerReader, ContainerWriter, overhead_bytes, stream_bytes
from nac_cli.errors import LimitExceeded, UsageError
from nac_cli.values import CodecSpec, Framing, StreamInfo
from tests.container.streams import DIGEST, TAGS, chunk_lengths, opaque_records, stream_info, write_stream

NAC_44K = CodecSpec("nac-44k", "spectral", bytes(8), 44100, 512, (1024,) * 16, (1,) * 16)
DEFAULT = StreamInfo(NAC_44K, 44100, 2, (2,), 44100 * 240, 16)


class WriteOnly:
    """A pipe's writing end."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data


def write(info: StreamInfo, sizes: list[int], num_samples: int, **extras) -> bytes:
    records = [
        ChunkRecord(i, frames, 1, 0, bytes(size))
        for i, (frames, size) in enumerate(zip(chunk_lengths(info, num_samples), sizes, strict=True))
    ]
    return write_stream(info, records, num_samples, **extras)


def test_the_writer_never_seeks():
    file = WriteOnly()
    info = stream_info(None)
    writer = ContainerWriter(file, info, TAGS)
    for record in opaque_records(info, 1500):
        writer.write_chunk(record)
    writer.finish(1500)
    assert file.data == write_stream(info, opaque_records(info, 1500), 1500, tags=TAGS)


@settings(max_examples=50)
@given(st.data(), st.booleans(), st.booleans(), st.integers(0, 5000), st.integers(0, 300))
def test_predicted_sizes_are_exact(data, known, digest, num_samples, padding):
    info = stream_info(num_samples if known else None)
    count = len(chunk_lengths(info, num_samples))
    sizes = data.draw(st.lists(st.integers(0, 20_000), min_size=count, max_size=count))
    extras = {"tags": TAGS, "padding": padding, "digest": DIGEST if digest else None}
    written = write(info, sizes, num_samples, **extras)
    predicted = stream_bytes(info, sizes, num_samples, **extras | {"digest": digest})
    assert predicted.total == len(written)
    assert predicted.payload == sum(sizes)
    largest = max(sizes, default=0)
    bound = overhead_bytes(info, num_samples, **extras | {"digest": digest}, max_payload=largest)
    assert predicted.overhead <= bound <= predicted.overhead + 3 * count + 3


def test_overhead_of_the_default_model():
    """At most 128 bytes a file and 24 a chunk are promised."""
    empty = stream_bytes(replace(DEFAULT, num_samples=0), [], 0).total
    chunks = len(chunk_lengths(DEFAULT, DEFAULT.num_samples))
    four_minutes = stream_bytes(DEFAULT, [7500] * chunks, DEFAULT.num_samples)
    assert empty <= 96
    assert four_minutes.overhead <= 104 + 22 * chunks
    hours = 8 * 3600 * 44100
    chunks = len(chunk_lengths(DEFAULT, hours))
    assert overhead_bytes(DEFAULT, hours, max_payload=2**14 - 30) <= 128 + 24 * chunks


@pytest.mark.parametrize("seconds", [1, 20, 240, 36_000])
def test_the_bound_holds_for_large_payloads_too(seconds):
    info = replace(DEFAULT, num_samples=None)
    num_samples = 44100 * seconds
    sizes = [2**20] * len(chunk_lengths(info, num_samples))
    assert stream_bytes(info, sizes, num_samples).overhead <= overhead_bytes(info, num_samples)


def test_counts_say_where_bytes_went():
    file = io.BytesIO()
    info = stream_info()
    writer = ContainerWriter(file, info, TAGS, padding=10)
    before_chunks = writer.counts
    assert before_chunks.header + before_chunks.tags == writer.counts.total == len(file.getvalue())
    records = opaque_records(info, 1500)
    for record in records:
        writer.write_chunk(record)
    counts = writer.finish(1500)
    assert counts.payload == sum(len(record.payload) for record in records)
    assert counts.total == counts.payload + counts.overhead == len(file.getvalue())


RECORDS = opaque_records(stream_info(), 1500)
MISUSE = {
    "a chunk too early": [RECORDS[1]],
    "a chunk twice": [RECORDS[0], RECORDS[0]],
    "a chunk of no frames": [replace(RECORDS[0], num_frames=0)],
    "a chunk too long": [replace(RECORDS[0], num_frames=9)],
    "a chunk after a short one": [replace(RECORDS[0], num_frames=7), RECORDS[1]],
    "an unknown mode": [replace(RECORDS[0], mode=3)],
}


@pytest.mark.parametrize("records", MISUSE.values(), ids=MISUSE)
def test_misuse_is_refused(records):
    with pytest.raises(UsageError):
        write_stream(stream_info(), records, 1500)


LENGTHS = [(1500, 1499), (None, 1521), (None, 1440), (None, 0), (None, 2**60)]


@pytest.mark.parametrize("known, finished", LENGTHS)
def test_a_length_that_contradicts_the_frames_is_refused(known, finished):
    with pytest.raises(UsageError):
        write_stream(stream_info(known), RECORDS, finished)


def test_nothing_follows_the_end():
    writer = ContainerWriter(io.BytesIO(), stream_info(0))
    writer.finish(0)
    with pytest.raises(UsageError):
        writer.finish(0)
    with pytest.raises(UsageError):
        writer.write_chunk(RECORDS[0])


def test_what_cannot_be_written_leaves_nothing_behind():
    file = io.BytesIO()
    with pytest.raises(LimitExceeded):
        ContainerWriter(file, stream_info(), padding=2**24)
    assert file.getvalue() == b""


def test_more_chunks_than_the_limit_are_refused_before_they_are_written():
    info = stream_info(None, framing=Framing(1, 1, 1))
    writer = ContainerWriter(io.BytesIO(), info)
    writer._spans = [21] * 2**20
    with pytest.raises(LimitExceeded):
        writer.write_chunk(ChunkRecord(2**20, 1, 0, 0, b""))


def test_any_length_comes_back():
    for num_samples in range(0, 3 * 80 + 2):
        info = stream_info(num_samples)
        data = write_stream(info, opaque_records(info, num_samples), num_samples)
        assert ContainerReader(io.BytesIO(data), strict=True).info == info
