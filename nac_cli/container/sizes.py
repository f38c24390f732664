"""The bytes of a stream beside its packed codes: counted while writing, or known beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nac_cli.container.blocks import BLOCK_OVERHEAD
from nac_cli.container.chunk import ChunkRecord, pack_chunk_fields
from nac_cli.container.detail import DetailRecord, pack_detail_fields
from nac_cli.container.header import num_chunks, stream_header
from nac_cli.container.index import TRAILER_SIZE, Index, pack_index
from nac_cli.container.limits import MAX_PAYLOAD, MAX_PICTURE_BYTES, MAX_PICTURES
from nac_cli.container.tags import pack_picture, pack_tags
from nac_cli.errors import LimitExceeded
from nac_cli.values import StreamInfo, Tags

DIGEST_BYTES = BLOCK_OVERHEAD + 17
TAG_PADDING = 512
"""Zero bytes after the tags of a file that has any, so that they can be edited in place."""


@dataclass(frozen=True)
class ByteCounts:
    """Bytes of a stream: `header` (signature, HEAD and chan), `tags` (with pictures and padding), `payload` (packed
    codes), `chunks` (the rest of the CHNK blocks), `detail` (whole detl blocks), `index` (PCM digest, INDX,
    trailer)."""

    header: int = 0
    tags: int = 0
    chunks: int = 0
    payload: int = 0
    detail: int = 0
    index: int = 0

    @property
    def overhead(self) -> int:
        return self.total - self.payload - self.detail

    @property
    def total(self) -> int:
        return self.header + self.tags + self.chunks + self.payload + self.detail + self.index


def tag_blocks(tags: Tags | None, padding: int) -> list[tuple[str, bytes]]:
    """(kind, payload) of the blocks between header and chunks, the last with `padding` bytes if not 0."""
    blocks = []
    if tags and tags.items:
        blocks.append(("tags", pack_tags(tags.items)))
    pictures = [pack_picture(picture) for picture in tags.pictures] if tags else []
    if len(pictures) > MAX_PICTURES or sum(map(len, pictures)) > MAX_PICTURE_BYTES:
        raise LimitExceeded(f"a file holds at most {MAX_PICTURES} pictures, {MAX_PICTURE_BYTES} bytes in all")
    blocks += [("pict", picture) for picture in pictures]
    if padding:
        blocks.append(("padd", bytes(padding)))
    return blocks


def stream_bytes(
    info: StreamInfo,
    payload_sizes: Sequence[int],
    num_samples: int,
    tags: Tags | None = None,
    padding: int = 0,
    digest: bool = False,
    detail_sizes: Sequence[int | None] | None = None,
) -> ByteCounts:
    """Exactly what `ContainerWriter` writes for chunks with these payload sizes in bytes, and with
    `detail_sizes`, bytes of packed detail (None: no detail) of each.

    `info.num_samples` stays None for a stream that starts before its length is known.
    """
    frames = [info.framing.chunk_frames] * len(payload_sizes)
    if frames:
        frames[-1] = info.frames_for(num_samples) - sum(frames[:-1])
    fixed = [BLOCK_OVERHEAD + _chunk_fields_bytes(i, count) for i, count in enumerate(frames)]
    details = [detail_block_bytes(i, size) for i, size in enumerate(detail_sizes or [None] * len(frames))]
    blocks = [a + b for a, b in zip(fixed, payload_sizes)]
    spans = tuple(a + b for a, b in zip(blocks, [*details[:-1], 0]))
    distance = sum(blocks) + sum(details) + DIGEST_BYTES * digest if spans else 0
    index = Index(num_samples, info.frames_for(num_samples), spans, distance)
    return ByteCounts(
        header=len(stream_header(info)),
        tags=sum(BLOCK_OVERHEAD + len(payload) for _, payload in tag_blocks(tags, padding)),
        chunks=sum(fixed),
        payload=sum(payload_sizes),
        detail=sum(details),
        index=DIGEST_BYTES * digest + BLOCK_OVERHEAD + len(pack_index(index)) + TRAILER_SIZE,
    )


def overhead_bytes(
    info: StreamInfo,
    num_samples: int,
    tags: Tags | None = None,
    padding: int = 0,
    digest: bool = False,
    max_payload: int = MAX_PAYLOAD,
) -> int:
    """The most that a stream costs beside its packed codes, with at most `max_payload` bytes of them a chunk.

    Raises `LimitExceeded` for too long a stream.
    """
    sizes = [max_payload] * num_chunks(info, num_samples)
    return stream_bytes(info, sizes, num_samples, tags, padding, digest).overhead


def detail_block_bytes(index: int, size: int | None) -> int:
    """Bytes of the block that holds `size` bytes of packed detail of a chunk; no bytes for None."""
    if size is None:
        return 0
    return BLOCK_OVERHEAD + len(pack_detail_fields(DetailRecord(index, 0, b""))) + size


def _chunk_fields_bytes(index: int, num_frames: int) -> int:
    return len(pack_chunk_fields(ChunkRecord(index, num_frames, 0, 0, b"")))
