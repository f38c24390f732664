"""Reads a stream forward, on a pipe or a file, past damage; on files also any chunk by its number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from nac_cli.container.ancillary import Ancillary
from nac_cli.container.blocks import HEADER_SIZE, PREFIX_SIZE, Block, unpack_prefix
from nac_cli.container.blocks import unpack_header as unpack_block_header
from nac_cli.container.chunk import ChunkRecord, unpack_chunk
from nac_cli.container.detail import LostDetail, unpack_detail
from nac_cli.container.header import num_chunks, unpack_header
from nac_cli.container.index import TRAILER_SIZE, Index, find_index, unpack_index, unpack_trailer
from nac_cli.container.limits import MAX_OTHER_BLOCKS, MAX_PAYLOAD
from nac_cli.container.scan import Damage, read_block_at, scan
from nac_cli.container.sequence import ChunkSequence, DamagedChunk
from nac_cli.container.source import ByteSource
from nac_cli.container.tags import PcmDigest
from nac_cli.errors import CorruptStream, FormatError, LimitExceeded, UsageError
from nac_cli.values import StreamInfo, Tags


@dataclass(frozen=True)
class Extent:
    """A stretch of the file: `kind` is 'signature', 'trailer', 'damage' or a type; `note` what is wrong."""

    kind: str
    offset: int
    size: int
    note: str = ""


class ContainerReader:
    """Header and tags at once, then one forward pass over the chunks. Memory: one block and a little a chunk.

    - `info`: the header; `num_samples` comes from the index where the header left it open, so on a pipe it is
      None until the pass has ended. `speakers` are those of a `chan` block met so far; nac's stand before the chunks.
    - `version`: (major, minor) of the format.
    - `index`: None while unknown; `index_error` says why a file that can seek gave none.
    - `damage`: every damaged stretch met so far. With `strict` the first one raises `CorruptStream` instead.

    Raises `UnsupportedStream`, `CorruptStream` (where the header is unusable) or `LimitExceeded`, here and
    during the pass. Offsets count from where `file` stood.
    """

    def __init__(self, file: BinaryIO, strict: bool = False) -> None:
        self.damage: list[Damage] = []
        self.index: Index | None = None
        self.index_error: FormatError | None = None
        self._strict = strict
        self._source = ByteSource(file)
        self._index_offset = 0
        self._layout: list[Extent] = []
        self._others = 0
        self._sequence = ChunkSequence()
        self._has_detail = False
        self._hole: Damage | None = None  # what was damaged since the last intact chunk
        self.version = unpack_prefix(self._source.peek(PREFIX_SIZE))
        self._source.skip(PREFIX_SIZE)
        self._layout.append(Extent("signature", 0, PREFIX_SIZE))
        self._blocks = scan(self._source)
        self.info = self._read_header()
        self._ancillary = Ancillary(self.info.channels)
        if self._source.seekable:
            self._look_for_index()
        self._first = self._read_to_first_chunk()
        self._pass = self._read_chunks()

    @property
    def tags(self) -> Tags:
        """Tags and pictures met so far; all that nac writes stand before the first chunk."""
        return self._ancillary.tags

    @property
    def md5(self) -> PcmDigest | None:
        """Digest of the source; it stands after the chunks, so None until the pass has ended."""
        return self._ancillary.md5

    @property
    def padding(self) -> int:
        """Bytes of padding met so far, at most what one block can hold."""
        return min(self._ancillary.padding, MAX_PAYLOAD)

    def chunks(self) -> Iterator[ChunkRecord | DamagedChunk]:
        """Every chunk in order, and a marker wherever chunks are missing.

        One pass: a second call goes on where the first was left. What is missing behind the end of a cut-off
        stream of unknown length is in `damage` only.
        """
        return self._pass

    def chunk(self, index: int) -> ChunkRecord:
        """Chunk `index`, through the stream's index. Raises `CorruptStream` where either is damaged."""
        if not self._source.seekable:
            raise UsageError("a pipe gives its chunks in order only")
        if self.index is None:
            raise CorruptStream(f"chunks can be read in order only: {self.index_error}")
        if not 0 <= index < self.index.num_chunks:
            raise UsageError(f"there is no chunk {index}, the stream has {self.index.num_chunks}")
        first = self._index_offset - self.index.distance
        block = read_block_at(self._source, first + self.index.starts[index])
        if block.kind != "CHNK":
            raise CorruptStream(f"the index points at a {block.where} for chunk {index}")
        record = unpack_chunk(block.payload, block.where)
        if record.index != index or ChunkSequence().misfit(record, self.info):
            raise CorruptStream(f"{block.where} is not chunk {index} of this stream, as its index says")
        return self._with_detail_at(record, block.offset + block.size)

    def structure(self) -> tuple[Extent, ...]:
        """Everything in the file in order, after reading what is left of it."""
        for _ in self._pass:
            pass
        return tuple(self._layout)

    def _read_header(self) -> StreamInfo:
        block = next(self._blocks, None)
        if not isinstance(block, Block) or block.kind != "HEAD":
            reason = block.reason if isinstance(block, Damage) else "it is missing"
            raise CorruptStream(f"the header is unusable ({reason}), nothing can be decoded without it")
        self._layout.append(Extent("HEAD", block.offset, block.size))
        return unpack_header(block.payload, block.where)

    def _look_for_index(self) -> None:
        try:
            block = find_index(self._source)
            self._use_index(unpack_index(block, self.info), block.offset)
        except CorruptStream as error:
            if self._strict:
                raise
            self.index_error = error

    def _use_index(self, index: Index, offset: int) -> None:
        self.index, self._index_offset, self.index_error = index, offset, None
        self.info = replace(self.info, num_samples=index.num_samples)

    def _read_to_first_chunk(self) -> Block | None:
        """Read everything before the chunks. Returns the first chunk or index, None at the end of the file."""
        for event in self._blocks:
            if isinstance(event, Block) and event.kind in ("CHNK", "INDX"):
                return event
            self._take(event)
        return None

    def _read_chunks(self) -> Iterator[ChunkRecord | DamagedChunk]:
        event: Block | Damage | None = self._first
        held: ChunkRecord | None = None  # until it is known whether its detail follows
        behind = False  # whether the block before is that chunk
        while event is not None:
            if isinstance(event, Block) and event.kind == "CHNK":
                if (record := self._accept_chunk(event)) is not None:
                    yield from self._complete(held, record.index)
                    yield from self._missing_before(record.index, event.offset)
                    self._sequence.accept(record, event, self.info)
                    self._hole, held = None, record
            elif isinstance(event, Block) and event.kind == "INDX":
                if (index := self._accept_index(event)) is not None:
                    yield from self._complete(held, index.num_chunks)
                    yield from self._missing_before(index.num_chunks, event.offset)
                    self._read_trailer(event)
                    return
            elif isinstance(event, Block) and event.kind == "detl" and held is not None and behind:
                held = self._accept_detail(event, held)
            else:
                self._take(event)
            behind = isinstance(event, Block) and event.kind in ("CHNK", "detl")
            event = next(self._blocks, None)
        samples = self.info.num_samples
        yield from self._complete(held, None if samples is None else num_chunks(self.info, samples))
        yield from self._end_without_index()

    def _complete(self, held: ChunkRecord | None, following: int | None) -> Iterator[ChunkRecord]:
        """The chunk that waited for its detail. In a stream that has detail, bytes that were damaged behind it
        were that, if none of the chunks before `following` (None: nobody knows) is missing there."""
        if held is None:
            return
        if held.detail is None and self._has_detail and self._hole is not None and following == held.index + 1:
            held = replace(held, detail=LostDetail(self._hole.reason))
        yield held

    def _accept_detail(self, block: Block, held: ChunkRecord) -> ChunkRecord:
        """`held` with the detail in `block`, or without where that is not its own."""
        try:
            index, detail = unpack_detail(block.payload, block.where)
            if index != held.index or held.detail is not None:
                raise CorruptStream(f"{block.where}: it is the detail of chunk {index}, but stands behind {held.index}")
        except CorruptStream as error:
            self._report_block(block, str(error))
            return held
        self._layout.append(Extent("detl", block.offset, block.size))
        self._has_detail = True
        return replace(held, detail=detail)

    def _with_detail_at(self, record: ChunkRecord, offset: int) -> ChunkRecord:
        """`record` with the detail that stands at `offset`, if a block of its kind does."""
        known = unpack_block_header(self._source.read_at(offset, HEADER_SIZE))
        if known is None or known[0] != "detl":
            return record
        try:
            block = read_block_at(self._source, offset)
            index, detail = unpack_detail(block.payload, block.where)
        except CorruptStream as error:
            return replace(record, detail=LostDetail(str(error)))
        return replace(record, detail=detail) if index == record.index else record

    def _accept_chunk(self, block: Block) -> ChunkRecord | None:
        try:
            record = unpack_chunk(block.payload, block.where)
        except CorruptStream as error:
            self._report_block(block, str(error))
            return None
        if misfit := self._sequence.misfit(record, self.info):
            self._report_block(block, f"{block.where}: {misfit}")
            return None
        self._layout.append(Extent("CHNK", block.offset, block.size))
        return record

    def _accept_index(self, block: Block) -> Index | None:
        """The index in `block`, if it is this stream's; one that contradicts the stream is reported instead."""
        try:
            index = unpack_index(block, self.info)
            if index.num_chunks < self._sequence.next_index:
                came = self._sequence.next_index
                raise CorruptStream(f"{block.where}: {index.num_chunks} chunks, but {came} came")
        except CorruptStream as error:
            self._report_block(block, str(error))
            return None
        wrong = None if self.damage else self._sequence.disagreement(index, block.offset)
        if wrong:
            self._report_block(block, f"{block.where}: {wrong}")
        else:
            self._layout.append(Extent("INDX", block.offset, block.size))
        self._use_index(index, block.offset)
        return index

    def _read_trailer(self, index: Block) -> None:
        start = self._source.offset
        data = self._source.peek(TRAILER_SIZE + 1)
        if unpack_trailer(data[:TRAILER_SIZE]) != index.size + TRAILER_SIZE:
            self._report(Damage(start, start + len(data[:TRAILER_SIZE]), "the trailer is damaged or cut off"))
            return
        self._layout.append(Extent("trailer", start, TRAILER_SIZE))
        if len(data) > TRAILER_SIZE:
            stop = self._source.size() if self._source.seekable else start + len(data)
            self._report(Damage(start + TRAILER_SIZE, stop, "bytes follow the end of the stream"))

    def _end_without_index(self) -> Iterator[DamagedChunk]:
        end = self._source.offset
        self._report(Damage(end, end, f"the file ends at byte {end}, before its index"))
        if self.info.num_samples is not None:
            yield from self._missing_before(num_chunks(self.info, self.info.num_samples), end)

    def _missing_before(self, stop: int, offset: int) -> Iterator[DamagedChunk]:
        """A marker for the chunks that should have come before chunk `stop`, if any."""
        first = self._sequence.next_index
        if first >= stop:
            return
        hole = self._hole
        if hole is None:
            what = f"chunk {first} is" if stop == first + 1 else f"chunks {first} to {stop - 1} are"
            hole = self._report(Damage(offset, offset, f"{what} missing"))
        yield self._sequence.missing(stop, self.info, hole)

    def _take(self, event: Block | Damage) -> None:
        """Notes damage, or any block but a chunk or an index."""
        if isinstance(event, Damage):
            self._report(event)
            return
        try:
            self._ancillary.take(event)
        except CorruptStream as error:
            self._report_block(event, str(error))
        else:
            self._count_other()
            self.info = replace(self.info, speakers=self._ancillary.speakers)
            self._layout.append(Extent(event.kind, event.offset, event.size))

    def _report_block(self, block: Block, reason: str) -> None:
        """Report an intact block whose content is impossible."""
        self._report(Damage(block.offset, block.offset + block.size, reason), block.kind)

    def _report(self, damage: Damage, kind: str = "damage") -> Damage:
        """Notes `damage`; all that was damaged since the last intact chunk, as one stretch."""
        if self._strict:
            raise CorruptStream(f"byte {damage.start}: {damage.reason}")
        self._count_other()
        self.damage.append(damage)
        self._layout.append(Extent(kind, damage.start, damage.stop - damage.start, damage.reason))
        hole = self._hole or damage
        self._hole = Damage(hole.start, damage.stop, hole.reason)
        return self._hole

    def _count_other(self) -> None:
        self._others += 1
        if self._others > MAX_OTHER_BLOCKS:
            raise LimitExceeded(f"more than {MAX_OTHER_BLOCKS} blocks and damaged places that are no chunks")
