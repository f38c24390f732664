"""The `INDX` payload and the trailer behind it: totals, where each chunk starts, where the index starts.

Every distance counts backwards from the index or from the end of the file, so that tags can be rewritten,
grow or shrink without a change to any other block.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from nac_cli.container import limits
from nac_cli.container.blocks import BLOCK_OVERHEAD, PREFIX_SIZE, Block
from nac_cli.container.fields import FieldReader, pack_varint
from nac_cli.container.header import num_chunks
from nac_cli.container.scan import read_block_at
from nac_cli.container.source import ByteSource
from nac_cli.errors import CorruptStream
from nac_cli.values import StreamInfo

TRAILER_MAGIC = b"nac\x89"
TRAILER_SIZE = 8
MIN_SPAN = BLOCK_OVERHEAD + 7
MAX_DISTANCE = 2**45


@dataclass(frozen=True)
class Index:
    """The index at the end of a stream.

    `spans[i]`: bytes from the start of chunk i's block to the start of chunk i + 1's; of the last to its end.
    `distance`: bytes from the start of the first chunk's block to the start of the `INDX` block.
    """

    num_samples: int
    num_frames: int
    spans: tuple[int, ...]
    distance: int

    @property
    def num_chunks(self) -> int:
        return len(self.spans)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Start of each chunk's block, in bytes from the first one's."""
        return tuple(accumulate(self.spans[:-1], initial=0)) if self.spans else ()


def pack_index(index: Index) -> bytes:
    numbers = (index.num_samples, index.num_frames, index.num_chunks, index.distance, *index.spans)
    return b"".join(map(pack_varint, numbers))


def unpack_index(block: Block, info: StreamInfo) -> Index:
    """Raises `CorruptStream` for numbers that contradict each other or `info`, or `LimitExceeded`."""
    fields = FieldReader(block.payload, block.where)
    num_samples = fields.number("samples", 0, limits.MAX_SAMPLES)
    num_frames = fields.varint("frames")
    count = fields.number("chunks", 0, limits.MAX_CHUNKS)
    distance = fields.number("distance to the first chunk", 0, MAX_DISTANCE)
    if count > fields.remaining:
        raise fields.corrupt(f"{count} chunks do not fit {fields.remaining} bytes")
    spans = tuple(fields.varint("span") for _ in range(count))
    fields.end()
    if info.num_samples not in (None, num_samples):
        raise fields.corrupt(f"{num_samples} samples, but the header says {info.num_samples}")
    wanted = info.frames_for(num_samples)
    if num_frames != wanted:
        raise fields.corrupt(f"{num_frames} frames, but {num_samples} samples make {wanted}")
    if count != num_chunks(info, num_samples):
        raise fields.corrupt(f"{count} chunks, but {num_frames} frames make {num_chunks(info, num_samples)}")
    if min(spans, default=MIN_SPAN) < MIN_SPAN or sum(spans) > distance or (distance and not spans):
        raise fields.corrupt(f"the spans of {count} chunks do not fit {distance} bytes")
    if distance > block.offset - PREFIX_SIZE - BLOCK_OVERHEAD:
        raise fields.corrupt(f"a first chunk {distance} bytes before would stand before the header")
    return Index(num_samples, num_frames, spans, distance)


def pack_trailer(index_block_size: int) -> bytes:
    """The last eight bytes: distance from the end of the file back to the start of `INDX`, and a constant."""
    return (index_block_size + TRAILER_SIZE).to_bytes(4, "little") + TRAILER_MAGIC


def unpack_trailer(data: bytes) -> int | None:
    """Distance from the end of the file back to `INDX`, None when `data` is no trailer."""
    if len(data) != TRAILER_SIZE or data[4:] != TRAILER_MAGIC:
        return None
    return int.from_bytes(data[:4], "little")


def find_index(source: ByteSource) -> Block:
    """The `INDX` block of a file that can seek, found through the trailer. Raises `CorruptStream`."""
    size = source.size()
    distance = unpack_trailer(source.read_at(max(0, size - TRAILER_SIZE), TRAILER_SIZE))
    if distance is None:
        raise CorruptStream("the file does not end with a nac trailer: it was cut off, or bytes were added")
    if not BLOCK_OVERHEAD + TRAILER_SIZE <= distance <= size:
        raise CorruptStream("the trailer's distance to the index points out of the file")
    block = read_block_at(source, size - distance)
    if block.kind != "INDX" or block.size + TRAILER_SIZE != distance:
        raise CorruptStream(f"the trailer points at byte {size - distance}, where no index stands")
    return block
