"""Small streams for the container's tests, and ways to damage them."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Iterable
from random import Random

import numpy as np

from nac_cli.container import (
    ChunkRecord,
    ContainerReader,
    ContainerWriter,
    DamagedChunk,
    Index,
    PcmDigest,
    Picture,
    Tags,
)
from nac_cli.container.blocks import crc8
from nac_cli.container.index import pack_index, pack_trailer
from nac_cli.entropy import pack, token_checksum
from nac_cli.values import ABSENT, ChunkCodes, CodecSpec, Framing, StreamInfo, present

CODEC = CodecSpec("tiny", "demo", bytes(range(1, 9)), 8000, 80, (4, 4), (1, 1))
FRAMING = Framing(chunk_frames=8, step_frames=4, node_frames=4)
PICTURE = Picture(3, "image/png", "front", 1, 1, 24, 0, b"\x89PNG\r\n")
TAGS = Tags((("TITLE", "Étude"), ("ARTIST", "nac"), ("artist", "")), (PICTURE,))
DIGEST = PcmDigest(bytes(range(16)), 16)


def stream_info(num_samples: int | None = 1500, channels: int = 1, **changes) -> StreamInfo:
    groups = (2,) * (channels // 2) + (1,) * (channels % 2)
    fields = {"codec": CODEC, "sample_rate": 8000, "channels": channels, "groups": groups, "source_bits": 16}
    return StreamInfo(**(fields | {"num_samples": num_samples, "framing": FRAMING} | changes))


def chunk_lengths(info: StreamInfo, num_samples: int) -> list[int]:
    frames, full = info.frames_for(num_samples), info.framing.chunk_frames
    return [min(full, frames - start) for start in range(0, frames, full)]


def random_codes(info: StreamInfo, num_frames: int, seed: int) -> ChunkCodes:
    """Codes that an encoder could have made; the same ones with every version of Python and numpy."""
    random = Random(seed).random
    codec, framing, channels = info.codec, info.framing, info.channels

    def draw(low: int, high: int, *shape: int) -> np.ndarray:
        return np.array([low + int(random() * (high - low)) for _ in range(math.prod(shape))]).reshape(shape)

    depths = draw(0, codec.num_codebooks + 1, channels, framing.steps(num_frames))
    codes = []
    for channel in range(channels):
        codes.append([])
        for plane, (size, stride) in enumerate(zip(codec.codebook_sizes, codec.strides)):
            there = present(depths[channel], plane, stride, num_frames, framing.step_frames)
            codes[-1].append(np.where(there, draw(0, size, there.size), ABSENT).astype(np.int32))
    gains = draw(100, 150, channels, framing.nodes(num_frames))
    return ChunkCodes(num_frames, draw(0, 64, info.num_pairs, 2), gains, depths, tuple(map(tuple, codes)))


def real_records(info: StreamInfo, num_samples: int) -> list[ChunkRecord]:
    """Chunks whose payloads decode."""
    records = []
    for index, num_frames in enumerate(chunk_lengths(info, num_samples)):
        codes = random_codes(info, num_frames, seed=index)
        records.append(ChunkRecord(index, num_frames, 0, token_checksum(codes), pack(codes, info, 0)))
    return records


def opaque_records(info: StreamInfo, num_samples: int, payload: bytes = b"payload") -> list[ChunkRecord]:
    """Chunks whose payloads mean nothing."""
    return [
        ChunkRecord(index, num_frames, index % 2, index * 12345, payload + bytes([index % 256]))
        for index, num_frames in enumerate(chunk_lengths(info, num_samples))
    ]


def write_stream(
    info: StreamInfo,
    records: Iterable[ChunkRecord],
    num_samples: int,
    tags: Tags | None = None,
    padding: int = 0,
    digest: PcmDigest | None = None,
    detail: bool = False,
) -> bytes:
    file = io.BytesIO()
    writer = ContainerWriter(file, info, tags, padding, detail)
    for record in records:
        writer.write_chunk(record)
    counts = writer.finish(num_samples, digest)
    assert counts.total == writer.counts.total == len(file.getvalue())
    return file.getvalue()


def small_stream(num_samples: int = 1500, length_known: bool = True, **extras) -> bytes:
    """One second and a half of mono in three chunks, with tags, padding and digest."""
    info = stream_info(num_samples if length_known else None)
    extras = {"tags": TAGS, "padding": 5, "digest": DIGEST} | extras
    return write_stream(info, opaque_records(info, num_samples), num_samples, **extras)


def block(kind: bytes, payload: bytes) -> bytes:
    """A block of any type and payload, with valid checks."""
    header = kind + len(payload).to_bytes(3, "little")
    body = header + bytes([crc8(header)]) + payload
    return body + zlib.crc32(body).to_bytes(4, "little")


def blocks_of(data: bytes) -> list[bytes]:
    """The signature with the version, every block, the trailer: joined they are `data`."""
    extents = ContainerReader(io.BytesIO(data)).structure()
    return [data[extent.offset : extent.offset + extent.size] for extent in extents]


def kind_of(piece: bytes) -> bytes:
    return piece[:4]


def insert(data: bytes, before: bytes, piece: bytes) -> bytes:
    """`data` with `piece` before the first block of type `before` (b"" for the trailer)."""
    pieces = blocks_of(data)
    at = len(pieces) - 1 if not before else [kind_of(p) for p in pieces].index(before)
    return b"".join([*pieces[:at], piece, *pieces[at:]])


def reindex(data: bytes, num_samples: int = 1500) -> bytes:
    """`data` with the index and trailer that belong to its other blocks."""
    pieces = blocks_of(data)[:-2]
    starts = np.cumsum([0, *map(len, pieces)]).tolist()
    chunks = [i for i, piece in enumerate(pieces) if kind_of(piece) == b"CHNK"]
    ends = [starts[i] for i in chunks[1:]] + [starts[i + 1] for i in chunks[-1:]]
    spans = tuple(end - starts[i] for i, end in zip(chunks, ends))
    distance = starts[-1] - starts[chunks[0]] if chunks else 0
    index = Index(num_samples, stream_info().frames_for(num_samples), spans, distance)
    last = block(b"INDX", pack_index(index))
    return b"".join(pieces) + last + pack_trailer(len(last))


def flip(data: bytes, byte: int, bit: int = 0) -> bytes:
    changed = bytearray(data)
    changed[byte] ^= 1 << bit
    return bytes(changed)


class Pipe:
    """Gives bytes in small pieces and cannot seek."""

    def __init__(self, data: bytes, piece: int = 7) -> None:
        self._rest, self._piece = data, piece

    def read(self, size: int = -1) -> bytes:
        size = self._piece if size < 0 else min(size, self._piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken


def read_all(
    data: bytes, pipe: bool = False, strict: bool = False
) -> tuple[list[ChunkRecord], list[DamagedChunk], ContainerReader]:
    """(chunks delivered, markers, the reader after its pass)."""
    reader = ContainerReader(Pipe(data) if pipe else io.BytesIO(data), strict)
    events = list(reader.chunks())
    records = [event for event in events if isinstance(event, ChunkRecord)]
    return records, [event for event in events if isinstance(event, DamagedChunk)], reader
