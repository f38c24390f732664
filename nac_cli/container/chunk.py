"""The `CHNK` payload: which chunk, how its codes are packed, what they must come out as, the packed bytes."""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.container import limits
from nac_cli.container.detail import DetailRecord, LostDetail
from nac_cli.container.fields import FieldReader, pack_varint
from nac_cli.errors import UnsupportedStream, UsageError
from nac_cli.values import Mode

MODES = {mode.value: mode.label for mode in Mode}
"""Names of the entropy modes by their number in a file."""


@dataclass(frozen=True)
class ChunkRecord:
    """One chunk as the container sees it: `payload` is opaque here, `entropy` makes codes of it.

    `token_checksum` is the CRC-32 of the codes in their canonical order, whatever `mode` packed them. `detail`
    comes from the block behind the chunk's own, if there is one.
    """

    index: int
    num_frames: int
    mode: int
    token_checksum: int
    payload: bytes
    detail: DetailRecord | LostDetail | None = None


def pack_chunk(record: ChunkRecord) -> bytes:
    """Raises `UsageError` for an unknown mode; order and frames are the writer's to check."""
    if record.mode not in MODES:
        raise UsageError(f"entropy mode {record.mode} is none of {MODES}")
    return pack_chunk_fields(record) + record.payload


def pack_chunk_fields(record: ChunkRecord) -> bytes:
    """The bytes of the payload in front of the packed codes."""
    checksum = record.token_checksum.to_bytes(4, "little")
    return pack_varint(record.index) + pack_varint(record.num_frames) + bytes([record.mode]) + checksum


def unpack_chunk(payload: bytes, where: str) -> ChunkRecord:
    """Raises `CorruptStream`, `UnsupportedStream` (the mode) or `LimitExceeded`."""
    fields = FieldReader(payload, where)
    index = fields.number("chunk index", 0, limits.MAX_CHUNKS - 1)
    num_frames = fields.number("frames", 1, limits.MAX_CHUNK_FRAMES)
    mode = fields.u8("entropy mode")
    if mode not in MODES:
        raise UnsupportedStream(f"{where}: entropy mode {mode} needs a newer nac")
    return ChunkRecord(index, num_frames, mode, fields.u32("token checksum"), fields.rest())
