"""Damaged streams: what is intact is delivered, what is not is named, and nothing else ever happens."""

from __future__ import annotations

import io
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.container import ContainerReader, DamagedChunk, scan
from nac_cli.container.blocks import SIGNATURE, crc8, unpack_body
from nac_cli.container.limits import RESYNC_ALLOWANCE, RESYNC_FACTOR
from nac_cli.errors import CorruptStream, FormatError, LimitExceeded, NacError
from tests.container.streams import (
    Pipe,
    block,
    blocks_of,
    flip,
    insert,
    kind_of,
    opaque_records,
    read_all,
    small_stream,
    stream_info,
    write_stream,
)

RECORDS = opaque_records(stream_info(), 1500)


def check_delivery(data: bytes, pipe: bool, num_samples: int | None = 1500) -> bool:
    """Reads `data`, a damaged small stream. True if it was delivered, False if refused with a `NacError`."""
    try:
        records, markers, reader = read_all(data, pipe)
    except NacError as error:
        assert isinstance(error, FormatError) and len(str(error)) > 10
        return False
    assert all(record == RECORDS[record.index] for record in records)
    named = [record.index for record in records] + [i for m in markers for i in range(m.first, m.stop)]
    assert len(set(named)) == len(named)
    if num_samples is not None or reader.index:
        assert sorted(named) == [0, 1, 2]
        frames = sum(record.num_frames for record in records) + sum(marker.num_frames for marker in markers)
        assert frames == sum(record.num_frames for record in RECORDS)
    assert reader.damage
    return True


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_every_truncation(pipe, known):
    data = small_stream(length_known=known)
    first_chunk = data.index(b"CHNK")
    for size in range(len(data)):
        delivered = check_delivery(data[:size], pipe, 1500 if known else None)
        assert delivered or size < first_chunk
        with pytest.raises(CorruptStream):
            read_all(data[:size], pipe, strict=True)


@pytest.mark.parametrize("pipe", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_every_flipped_bit(pipe, known):
    data = small_stream(length_known=known)
    after_head = data.index(b"tags")
    for bit in range(8 * len(data)):
        byte = bit // 8
        if byte == len(SIGNATURE) + 1:
            continue  # the minor version: any is read
        delivered = check_delivery(flip(data, byte, bit % 8), pipe, 1500 if known else None)
        assert delivered == (byte >= after_head)


def test_every_flipped_bit_stops_a_strict_reader():
    data = small_stream()
    for byte in range(len(data)):
        if byte != len(SIGNATURE) + 1:
            with pytest.raises(FormatError):
                read_all(flip(data, byte, byte % 8), strict=True)


@pytest.mark.parametrize("damaged", range(3))
@pytest.mark.parametrize("where", [0, 4, 7, 8, 12, -1])
def test_all_but_the_damaged_chunk_are_delivered(damaged, where):
    pieces = blocks_of(small_stream())
    position = [i for i, piece in enumerate(pieces) if kind_of(piece) == b"CHNK"][damaged]
    start = sum(map(len, pieces[:position]))
    size = len(pieces[position])
    pieces[position] = flip(pieces[position], where % size)
    records, markers, reader = read_all(b"".join(pieces))
    assert [record.index for record in records] == [i for i in range(3) if i != damaged]
    (marker,) = markers
    assert (marker.first, marker.stop) == (damaged, damaged + 1)
    assert marker.num_frames == RECORDS[damaged].num_frames
    assert (marker.byte_start, marker.byte_stop) == (start, start + size)
    assert len(reader.damage) == 1
    with pytest.raises(CorruptStream, match=f"byte {start}"):
        read_all(b"".join(pieces), strict=True)


def test_a_marker_comes_in_its_chunks_place():
    pieces = blocks_of(small_stream())
    pieces[6] = flip(pieces[6], 10)
    events = list(ContainerReader(io.BytesIO(b"".join(pieces))).chunks())
    assert [type(event) for event in events] == [type(RECORDS[0]), DamagedChunk, type(RECORDS[0])]


def test_damage_over_several_blocks_is_one_gap():
    info = stream_info(8000)
    records = opaque_records(info, 8000)
    data = bytearray(write_stream(info, records, 8000))
    start = data.index(b"CHNK")
    size = len(block(b"CHNK", b"")) + 7 + 8
    data[start + 2 * size + 3 : start + 6 * size + 5] = b"\xff" * (4 * size + 2)
    delivered, (marker,), reader = read_all(bytes(data))
    assert [record.index for record in delivered] == [0, 1, *range(7, len(records))]
    assert (marker.first, marker.stop, marker.num_frames) == (2, 7, 5 * 8)
    assert len(reader.damage) == 1


def test_lost_bytes_and_added_bytes():
    data = small_stream()
    second = data.index(b"CHNK", data.index(b"CHNK") + 1)
    for changed in (data[:second] + b"CHNK junk CHNK" + data[second:], data[: second - 9] + data[second:]):
        records, markers, reader = read_all(changed)
        assert {record.index for record in records} >= {1, 2} and reader.damage
        assert not isinstance(reader.chunk(2), DamagedChunk)  # the index counts from the end


def test_a_missing_block_is_noticed_without_a_trace_of_damage():
    pieces = blocks_of(small_stream())
    del pieces[6]
    records, (marker,), reader = read_all(b"".join(pieces))
    assert [record.index for record in records] == [0, 2]
    assert (marker.first, marker.stop) == (1, 2) and "missing" in marker.reason
    with pytest.raises(CorruptStream, match="chunk 1 is missing"):
        read_all(b"".join(pieces), strict=True)


ORDERS = [([0, 2, 1], [0, 2]), ([0, 0, 1, 2], [0, 1, 2]), ([1, 2], [1, 2]), ([2, 1, 0], [2])]


@pytest.mark.parametrize("order, intact", ORDERS)
def test_chunks_out_of_order(order, intact):
    pieces = blocks_of(small_stream())
    changed = b"".join([*pieces[:5], *(pieces[5 + i] for i in order), *pieces[8:]])
    records, markers, reader = read_all(changed)
    assert [record.index for record in records] == intact
    assert reader.damage
    assert check_delivery(changed, pipe=True)


def test_a_chunk_damaged_on_disk_is_an_error_by_number():
    data = small_stream()
    reader = ContainerReader(io.BytesIO(flip(data, data.index(b"CHNK") + 15)))
    with pytest.raises(CorruptStream, match="CHNK block at byte"):
        reader.chunk(0)
    assert reader.chunk(1) == RECORDS[1]


def test_damaged_tags_do_not_touch_the_sound():
    data = small_stream()
    records, markers, reader = read_all(flip(data, data.index(b"TITLE")))
    assert records == RECORDS and not markers
    assert reader.tags.items == () and len(reader.tags.pictures) == 1
    assert "tags" in reader.damage[0].reason


@pytest.mark.parametrize("before, piece", [
    (b"CHNK", block(b"tags", b"\x01\x03abc")),
    (b"CHNK", block(b"pict", b"")),
    (b"CHNK", block(b"HEAD", b"")),
    (b"INDX", block(b"pmd5", bytes(17))),
    (b"INDX", block(b"CHNK", b"\x80\x00")),
    (b"INDX", block(b"INDX", b"\x00")),
    (b"", b"junk"),
])  # fmt: skip
def test_intact_blocks_that_make_no_sense_are_damage(before, piece):
    data = insert(small_stream(), before, piece)
    records, markers, reader = read_all(data)
    assert records == RECORDS and not markers and reader.damage
    with pytest.raises(CorruptStream):
        read_all(data, strict=True)


def test_bytes_after_the_end():
    data = small_stream() + b"TAG" + bytes(125)
    for pipe in (True, False):
        records, markers, reader = read_all(data, pipe)
        assert records == RECORDS and not markers
        assert "follow the end" in reader.damage[0].reason
    assert "trailer" in str(ContainerReader(io.BytesIO(data)).index_error)


def test_an_index_of_another_stream_is_not_believed():
    ours, theirs = blocks_of(small_stream(length_known=False)), blocks_of(small_stream(1400))
    for known, index in ((True, theirs[-2]), (False, block(b"INDX", bytes([0, 0, 0, 0])))):
        pieces = blocks_of(small_stream(length_known=known))
        records, _, reader = read_all(b"".join([*pieces[:-2], index]), pipe=True)
        assert records == RECORDS and reader.index is None and reader.damage
    assert len(ours) == len(theirs)


def test_an_index_that_points_elsewhere():
    data = small_stream()
    start = data.index(b"INDX")
    payload = bytearray(data[start + 8 : -12])
    payload[-1] += 1  # the last span
    changed = data[:start] + block(b"INDX", bytes(payload)) + data[-8:]
    assert "the index gives chunk 2" in read_all(changed)[2].damage[0].reason
    payload[-1] -= 1
    payload[-3] -= 1  # the first span
    payload[-2] += 1
    changed = data[:start] + block(b"INDX", bytes(payload)) + data[-8:]
    records, _, reader = read_all(changed)
    assert records == RECORDS and "the index has chunk 1" in reader.damage[0].reason
    with pytest.raises(CorruptStream):
        reader.chunk(1)


def test_an_index_that_points_before_the_file():
    data = small_stream()
    start = data.index(b"INDX")
    payload = data[start + 8 : -12].replace(bytes([start - data.index(b"CHNK")]), b"\xff\x7f")
    last = block(b"INDX", payload)
    records, _, reader = read_all(data[:start] + last + (len(last) + 8).to_bytes(4, "little") + b"nac\x89")
    assert records == RECORDS and reader.index is None and "before the header" in str(reader.index_error)


@pytest.mark.parametrize("distance", [0, 19, 20, 21, 10**6, 2**32 - 1])
def test_a_trailer_that_points_elsewhere(distance):
    data = small_stream()[:-8] + distance.to_bytes(4, "little") + b"nac\x89"
    assert read_all(data)[0] == RECORDS
    reader = ContainerReader(io.BytesIO(data))
    assert reader.index is None and reader.index_error is not None


def read_anything(data: bytes) -> None:
    """Nothing but a `NacError` may come of it, whatever the bytes are."""
    for pipe in (True, False):
        try:
            records, markers, reader = read_all(data, pipe)
            for number in range(reader.index.num_chunks if reader.index and not pipe else 0):
                reader.chunk(number)
        except NacError:
            pass


@settings(max_examples=300)
@given(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), st.binary(max_size=40)), max_size=6))
def test_any_edits(edits):
    """Bytes are replaced by others, by more or by fewer, anywhere."""
    data = small_stream()
    for where, size, piece in edits:
        at = int(where * len(data))
        data = data[:at] + piece + data[at + size :]
    read_anything(data)


@settings(max_examples=300)
@given(st.integers(1, 9), st.floats(0, 0.999), st.integers(0, 2), st.binary(max_size=3))
def test_any_edits_behind_valid_checks(number, where, size, piece):
    """Blocks whose checksums are right and whose contents are not: what an enemy would send."""
    pieces = blocks_of(small_stream())
    payload = pieces[number][8:-4]
    at = int(where * len(payload))
    pieces[number] = block(kind_of(pieces[number]), payload[:at] + piece + payload[at + size :])
    read_anything(b"".join(pieces))


def header(kind: bytes, length: int) -> bytes:
    head = kind + length.to_bytes(3, "little")
    return head + bytes([crc8(head)])


def test_a_length_alone_allocates_nothing():
    data = insert(small_stream(), b"CHNK", header(b"CHNK", 2**24 - 1))
    for make in (Pipe, io.BytesIO):
        tracemalloc.start()
        list(ContainerReader(make(data)).chunks())
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.stop()


TOO_LONG = [(b"HEAD", 1025), (b"tags", 2**20 + 1), (b"pmd5", 18), (b"INDX", 2**22 + 65)]


@pytest.mark.parametrize("kind, length", TOO_LONG)
def test_a_length_over_the_types_limit(kind, length):
    with pytest.raises(LimitExceeded, match=kind.decode()):
        read_all(insert(small_stream(), b"CHNK", header(kind, length)))


def test_a_field_full_of_false_block_headers_ends_soon():
    """Each one claims megabytes that have to be read to be refused: that must not happen for all of them."""
    front = small_stream(tags=None)
    front = front[: front.index(b"CHNK")]
    data = front + header(b"CHNK", 2**23) * 2**17 + bytes(2**23)
    start = time.perf_counter()
    with pytest.raises(CorruptStream, match="only look like blocks"):
        read_all(data)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("between", [block(b"padd", b""), block(b"CHNK", b"\x80")])
def test_work_stays_within_a_constant_times_the_bytes_read(between, monkeypatch):
    """False headers that claim megabytes, each with an intact block behind it, so that none is a long search."""
    checked = 0

    def counted(kind, offset, data):
        nonlocal checked
        checked += len(data)
        return unpack_body(kind, offset, data)

    monkeypatch.setattr(scan, "unpack_body", counted)
    front = small_stream(tags=None)
    data = front[: front.index(b"CHNK")] + (header(b"padd", 2**21) + between) * 1000 + bytes(2**21)
    with pytest.raises(CorruptStream, match="only look like blocks"):
        read_all(data)
    assert checked < RESYNC_ALLOWANCE + (RESYNC_FACTOR + 2) * len(data)


def test_many_small_blocks_are_a_limit():
    data = insert(small_stream(), b"CHNK", block(b"padd", b"") * 70_000)
    with pytest.raises(LimitExceeded, match="65536"):
        read_all(data)
