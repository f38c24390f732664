"""Detail behind chunks: it travels with its chunk, and damage to it costs the detail alone."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.container import (
    ChunkRecord,
    ContainerEditor,
    ContainerReader,
    DetailRecord,
    LostDetail,
    Tags,
    stream_bytes,
)
from nac_cli.container.blocks import pack_block
from nac_cli.errors import CorruptStream, UsageError
from nac_cli.values import StreamInfo
from tests.container.streams import (
    blocks_of,
    chunk_lengths,
    flip,
    kind_of,
    opaque_records,
    read_all,
    stream_info,
    write_stream,
)

SIZES = st.one_of(st.none(), st.integers(0, 300))


def records_with(info: StreamInfo, sizes: list[int | None], num_samples: int = 1500) -> list[ChunkRecord]:
    """Chunks with so many bytes of detail each, None: none."""
    return [
        replace(record, detail=None if size is None else DetailRecord(record.index, size, bytes([7]) * size))
        for record, size in zip(opaque_records(info, num_samples), sizes, strict=True)
    ]


def detailed(sizes: list[int | None], **extras) -> bytes:
    info = stream_info()
    return write_stream(info, records_with(info, sizes), 1500, detail=True, **extras)


def starts_of(data: bytes, kind: bytes) -> list[int]:
    pieces = blocks_of(data)
    return [sum(map(len, pieces[:at])) for at, piece in enumerate(pieces) if kind_of(piece) == kind]


@pytest.mark.parametrize("pipe", [True, False])
@given(st.lists(SIZES, min_size=3, max_size=3))
def test_what_is_written_is_read(pipe, sizes):
    records, markers, reader = read_all(detailed(sizes), pipe, strict=True)
    assert records == records_with(stream_info(), sizes)
    assert not markers and not reader.damage


@given(st.lists(SIZES, min_size=3, max_size=3))
def test_a_chunk_that_is_jumped_to_has_its_detail(sizes):
    reader = ContainerReader(io.BytesIO(detailed(sizes)))
    wanted = records_with(stream_info(), sizes)
    assert [reader.chunk(number) for number in (2, 0, 1)] == [wanted[2], wanted[0], wanted[1]]


@settings(max_examples=50)
@given(st.data(), st.integers(0, 5000))
def test_predicted_sizes_are_exact(data, num_samples):
    info = stream_info(num_samples)
    count = len(chunk_lengths(info, num_samples))
    sizes = data.draw(st.lists(SIZES, min_size=count, max_size=count))
    records = records_with(info, sizes, num_samples)
    written = write_stream(info, records, num_samples, detail=True)
    predicted = stream_bytes(info, [len(record.payload) for record in records], num_samples, detail_sizes=sizes)
    assert predicted.total == len(written)
    assert predicted.detail == sum(len(piece) for piece in blocks_of(written) if kind_of(piece) == b"detl")


def test_without_detail_a_file_is_what_it_was():
    info = stream_info()
    assert detailed([None] * 3)[10:] == write_stream(info, opaque_records(info, 1500), 1500)[10:]


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("number", [0, 1, 2])
def test_any_flipped_bit_of_detail_costs_that_detail_alone(number, pipe):
    data, info = detailed([40, 50, 60]), stream_info()
    start = starts_of(data, b"detl")[number]
    wanted = records_with(info, [40, 50, 60])
    for byte in range(start, start + len(blocks_of(data)[2 * number + 3])):
        records, markers, reader = read_all(flip(data, byte, byte % 8), pipe)
        assert not markers and reader.damage
        assert [replace(record, detail=None) for record in records] == opaque_records(info, 1500)
        assert all(a == b for at, (a, b) in enumerate(zip(records, wanted)) if at != number)
        lost = records[number].detail
        assert isinstance(lost, LostDetail) or (number == 0 and lost is None)  # nothing said yet that there is detail


def test_a_jump_to_a_chunk_whose_detail_is_damaged_says_so():
    data = detailed([40, 50, 60])
    reader = ContainerReader(io.BytesIO(flip(data, starts_of(data, b"detl")[1] + 20)))
    assert isinstance(reader.chunk(1).detail, LostDetail)
    assert isinstance(reader.chunk(0).detail, DetailRecord)


def test_a_damaged_chunk_does_not_leave_its_detail_to_another():
    data = detailed([40, 50, 60])
    records, markers, reader = read_all(flip(data, starts_of(data, b"CHNK")[1] + 15))
    assert [record.index for record in records] == [0, 2] and [marker.first for marker in markers] == [1]
    assert records == [record for record in records_with(stream_info(), [40, 50, 60]) if record.index != 1]


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("between", ["padding", "detail of its own"])
def test_detail_that_is_not_directly_behind_its_chunk_is_damage(between, pipe):
    pieces = blocks_of(detailed([5, 5, 5]))
    at = [kind_of(piece) for piece in pieces].index(b"CHNK") + 1
    pieces.insert(at, pieces[at] if between == "detail of its own" else pack_block("padd", bytes(4)))
    records, _, reader = read_all(b"".join(pieces), pipe)
    assert [record.detail is not None for record in records] == [between != "padding", True, True]
    assert any("detl" in damage.reason or "detail" in damage.reason for damage in reader.damage)


def test_a_cut_inside_the_last_detail_leaves_the_chunk():
    data = detailed([40, 50, 60])
    records, markers, reader = read_all(data[: starts_of(data, b"detl")[2] + 30])
    assert [record.index for record in records] == [0, 1, 2] and not markers
    assert isinstance(records[2].detail, LostDetail)
    with pytest.raises(CorruptStream):
        read_all(data[: starts_of(data, b"detl")[2] + 30], strict=True)


def test_tags_change_without_touching_detail():
    data = detailed([40, None, 60], tags=Tags((("TITLE", "a"),)), padding=3)
    editor = ContainerEditor(io.BytesIO(data))
    editor.prepare(Tags((("TITLE", "something much longer than before" * 20),)))
    editor.write(target := io.BytesIO())
    assert read_all(target.getvalue(), strict=True)[0] == read_all(data)[0]


def test_a_writer_announces_detail_and_keeps_it_in_order():
    info = stream_info()
    with pytest.raises(UsageError, match="announce"):
        write_stream(info, records_with(info, [1, 1, 1]), 1500)
    wrong = [replace(record, detail=DetailRecord(5, 0, b"")) for record in opaque_records(info, 1500)]
    with pytest.raises(UsageError, match="detail of chunk 5"):
        write_stream(info, wrong, 1500, detail=True)
