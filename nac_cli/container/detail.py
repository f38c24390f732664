"""The `detl` payload: the detail layer of the chunk before it, whose packed integers are opaque here.

A block of its own, with a checksum of its own: damage in it costs the detail and leaves the chunk as it is, readers
that do not know it pass over it, and it can be dropped without a change to anything else.
"""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.container import limits
from nac_cli.container.fields import FieldReader, pack_varint

CODING = 0
"""How the integers are packed: the one way there is so far (format_spec.md, section 8.6)."""


@dataclass(frozen=True)
class DetailRecord:
    """The detail of chunk `index`: `payload` are its packed integers, `token_checksum` their CRC-32 in order."""

    index: int
    token_checksum: int
    payload: bytes


@dataclass(frozen=True)
class LostDetail:
    """There was detail, or there may have been, and it cannot be had; `reason` says why."""

    reason: str


def pack_detail(record: DetailRecord) -> bytes:
    return pack_detail_fields(record) + record.payload


def pack_detail_fields(record: DetailRecord) -> bytes:
    """All of the payload but the packed integers."""
    return pack_varint(record.index) + bytes([CODING]) + record.token_checksum.to_bytes(4, "little")


def unpack_detail(payload: bytes, where: str) -> tuple[int, DetailRecord | LostDetail]:
    """The chunk's number and its detail, lost if it is packed in a way that this nac does not know.

    Raises `CorruptStream` or `LimitExceeded`.
    """
    fields = FieldReader(payload, where)
    index = fields.number("chunk index", 0, limits.MAX_CHUNKS - 1)
    coding = fields.u8("detail coding")
    if coding != CODING:
        return index, LostDetail(f"detail of kind {coding} needs a newer nac")
    return index, DetailRecord(index, fields.u32("detail checksum"), fields.rest())
