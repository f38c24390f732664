"""Reading intact streams: round trips, pipes, random access, unknown blocks."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.container import ContainerReader
from nac_cli.errors import CorruptStream, UnsupportedStream, UsageError
from nac_cli.values import Framing
from tests.container.streams import (
    TAGS,
    Pipe,
    block,
    blocks_of,
    chunk_lengths,
    insert,
    opaque_records,
    read_all,
    reindex,
    small_stream,
    stream_info,
    write_stream,
)


@settings(max_examples=60)
@given(
    num_samples=st.integers(0, 3000),
    known=st.booleans(),
    pipe=st.booleans(),
    channels=st.integers(1, 8),
    payload=st.binary(max_size=200),
    padding=st.integers(0, 40),
)
def test_round_trip(num_samples, known, pipe, channels, payload, padding):
    info = stream_info(num_samples if known else None, channels)
    records = opaque_records(info, num_samples, payload)
    data = write_stream(info, records, num_samples, TAGS, padding)
    delivered, missing, reader = read_all(data, pipe, strict=True)
    assert delivered == records
    assert not missing and not reader.damage
    assert reader.info == stream_info(num_samples, channels)
    assert reader.tags == TAGS
    assert reader.index.num_frames == sum(record.num_frames for record in records)


def test_structure_covers_every_byte():
    data = reindex(insert(small_stream(), b"INDX", block(b"what", b"ever")))
    extents = ContainerReader(io.BytesIO(data)).structure()
    kinds = [extent.kind for extent in extents]
    assert kinds[:5] == ["signature", "HEAD", "tags", "pict", "padd"]
    assert kinds[5:] == ["CHNK", "CHNK", "CHNK", "pmd5", "what", "INDX", "trailer"]
    end = 0
    for extent in extents:
        assert extent.offset == end and not extent.note
        end += extent.size
    assert end == len(data)


@pytest.mark.parametrize("known", [True, False])
def test_length_of_a_stream_that_was_piped_into_a_file(known):
    data = small_stream(length_known=known)
    assert ContainerReader(io.BytesIO(data)).info.num_samples == 1500
    on_a_pipe = ContainerReader(Pipe(data))
    assert on_a_pipe.info.num_samples == (1500 if known else None)
    assert len(list(on_a_pipe.chunks())) == 3
    assert on_a_pipe.info.num_samples == 1500


@pytest.mark.parametrize("piece", [1, 3, 1000])
def test_a_pipe_needs_nothing_but_read(piece):
    data = small_stream()
    reader = ContainerReader(Pipe(data, piece), strict=True)
    assert list(reader.chunks()) == opaque_records(stream_info(), 1500)
    assert reader.structure() == ContainerReader(io.BytesIO(data)).structure()


def test_tags_are_there_before_the_chunks_have_arrived():
    data = small_stream()
    first_chunk = data.index(b"CHNK")
    size = 12 + int.from_bytes(data[first_chunk + 4 : first_chunk + 7], "little")
    reader = ContainerReader(Pipe(data[: first_chunk + size]))
    assert reader.tags == TAGS
    assert next(reader.chunks()) == opaque_records(stream_info(), 1500)[0]


def test_any_chunk_by_its_number_in_any_order():
    records = opaque_records(stream_info(), 1500)
    reader = ContainerReader(io.BytesIO(small_stream()))
    assert [reader.chunk(i) for i in (2, 0, 1)] == [records[2], records[0], records[1]]
    forward = reader.chunks()
    assert next(forward) == records[0]
    assert reader.chunk(2) == records[2]
    assert list(forward) == records[1:]


def test_chunks_by_number_need_a_file_and_an_index():
    data = small_stream()
    with pytest.raises(UsageError, match="pipe"):
        ContainerReader(Pipe(data)).chunk(0)
    with pytest.raises(UsageError, match="no chunk 3"):
        ContainerReader(io.BytesIO(data)).chunk(3)
    with pytest.raises(CorruptStream, match="in order only"):
        ContainerReader(io.BytesIO(data[:-1])).chunk(0)


def test_a_stream_may_start_in_the_middle_of_a_file():
    file = io.BytesIO(b"before" + small_stream())
    file.seek(6)
    reader = ContainerReader(file, strict=True)
    assert reader.chunk(1) == list(reader.chunks())[1]


@pytest.mark.parametrize("before", [b"tags", b"padd", b"CHNK", b"INDX"])
def test_unknown_ancillary_blocks_are_passed_over(before):
    data = reindex(insert(small_stream(), before, block(b"what", b"a later version knows")))
    records, missing, reader = read_all(data, strict=True)
    assert records == opaque_records(stream_info(), 1500)
    assert not missing and not reader.damage


@pytest.mark.parametrize("before", [b"tags", b"padd", b"CHNK", b"INDX"])
@pytest.mark.parametrize("strict", [True, False])
def test_unknown_critical_blocks_are_unsupported(before, strict):
    data = insert(small_stream(), before, block(b"What", b"a later version knows"))
    with pytest.raises(UnsupportedStream, match="What block at byte"):
        read_all(data, strict=strict)


def test_blocks_between_chunks_are_read_too():
    """No writer of ours puts them there, but the index allows for them: spans run from chunk to chunk."""
    pieces = blocks_of(small_stream())
    changed = b"".join([*pieces[:6], block(b"padd", bytes(9)), block(b"more", b""), *pieces[6:]])
    records, missing, reader = read_all(changed)
    assert records == opaque_records(stream_info(), 1500) and not missing
    assert "the index has chunk 0" in reader.damage[0].reason  # who inserts there has to write a new index
    records, _, reader = read_all(reindex(changed), strict=True)
    assert [reader.chunk(i) for i in range(3)] == records


def test_the_mode_lm_needs_the_model_s_id_in_the_header():
    info = stream_info(600)
    records = [replace(record, mode=2) for record in opaque_records(info, 600)]
    with pytest.raises(UsageError, match="names no language model"):
        write_stream(info, records, 600)
    named = write_stream(replace(info, lm_id=b"lm-model"), records, 600)
    assert read_all(named, strict=True)[0] == records


@pytest.mark.parametrize("mode", [3, 255])
def test_modes_of_the_future_are_unsupported(mode):
    info = stream_info(600)
    data = write_stream(info, opaque_records(info, 600), 600)
    start = data.index(b"CHNK")
    chunk = bytearray(data[start + 8 : data.index(b"INDX") - 4])
    chunk[2] = mode
    changed = data[:start] + block(b"CHNK", bytes(chunk)) + data[data.index(b"INDX") :]
    with pytest.raises(UnsupportedStream, match=f"entropy mode {mode}"):
        read_all(changed)


def test_a_later_minor_version_is_read():
    data = bytearray(small_stream())
    data[9] = 7
    *_, reader = read_all(bytes(data), strict=True)
    assert reader.version == (1, 7)


def test_many_chunks_with_memory_for_one():
    """A day of chunks; the source never holds more than a block and a piece."""
    info = stream_info(80 * 20_000, framing=Framing(2, 1, 1))
    records = opaque_records(info, info.num_samples)
    reader = ContainerReader(io.BytesIO(write_stream(info, records, info.num_samples)), strict=True)
    windows = [len(reader._source._window) for _ in reader.chunks()]
    assert len(windows) == len(chunk_lengths(info, info.num_samples)) == 10_000
    assert max(windows) < 2**17
    assert reader.chunk(9_999) == records[-1]
