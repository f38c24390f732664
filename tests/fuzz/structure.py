"""A stream as blocks of named fields, which can be changed and joined again with checksums that hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nac_cli.varint import pack_varint
from tests.container.streams import block, blocks_of
from tests.reference.cursor import Cursor

FORMS = ("u8", "u32", "u32 big", "varint", "text", "raw")
PREFIX, TRAILER = 10, 8
"""Bytes in front of and behind the blocks."""


@dataclass(frozen=True)
class Part:
    """A field of a payload: one of FORMS, an integer or (text, raw) bytes."""

    name: str
    form: str
    value: int | bytes

    @property
    def data(self) -> bytes:
        """The bytes of the field, of a value that fits it or not."""
        if isinstance(self.value, bytes):
            return (pack_varint(len(self.value)) if self.form == "text" else b"") + self.value
        if self.form == "u8":
            return bytes([self.value & 0xFF])
        if self.form == "varint":
            return pack_varint(self.value & (1 << 63) - 1)
        return (self.value & 0xFFFFFFFF).to_bytes(4, "big" if self.form == "u32 big" else "little")


@dataclass(frozen=True)
class Piece:
    """A block: four bytes of type, and its payload."""

    kind: bytes
    payload: bytes

    @property
    def data(self) -> bytes:
        return block(self.kind, self.payload[: (1 << 24) - 1])


@dataclass(frozen=True)
class Stream:
    """A whole stream: what stands before the blocks, the blocks, what stands behind them."""

    prefix: bytes
    pieces: tuple[Piece, ...]
    trailer: bytes

    @property
    def data(self) -> bytes:
        return b"".join([self.prefix, *(piece.data for piece in self.pieces), self.trailer])


def taken_apart(data: bytes) -> Stream:
    """The parts of an intact stream."""
    first, *pieces, last = blocks_of(data)
    return Stream(first, tuple(Piece(piece[:4], piece[8:-4]) for piece in pieces), last)


def fields_of(piece: Piece) -> list[Part]:
    """The fields of a payload in order; what does not fit the format is one raw field at the end."""
    cursor, parts = Cursor(piece.payload), []
    try:
        for part in _FIELDS.get(piece.kind, _unknown)(cursor):
            parts.append(part)
    except (ValueError, IndexError):
        pass
    used = b"".join(part.data for part in parts)
    if piece.payload.startswith(used) and len(used) < len(piece.payload):
        parts.append(Part("rest", "raw", piece.payload[len(used) :]))
    return parts


def joined(piece: Piece, parts: list[Part]) -> Piece:
    return Piece(piece.kind, b"".join(part.data for part in parts))


def _head(cursor: Cursor) -> Iterator[Part]:
    flags = cursor.u(1)
    yield Part("flags", "u8", flags)
    yield Part("sample rate", "varint", cursor.varint())
    for name in ("channels", "groups", "source bits"):
        yield Part(name, "u8", cursor.u(1))
    yield Part("samples + 1", "varint", cursor.varint())
    yield Part("model id", "raw", cursor.raw(8))
    for name in ("family", "name"):
        yield Part(name, "text", cursor.raw(cursor.varint()))
    yield Part("codec rate", "varint", cursor.varint())
    yield Part("hop length", "varint", cursor.varint())
    planes = cursor.varint()
    yield Part("planes", "varint", planes)
    while planes > 0:
        count = cursor.varint()
        planes -= count
        yield Part("count", "varint", count)
        yield Part("size", "varint", cursor.varint())
        yield Part("stride", "varint", cursor.varint())
    for name in ("chunk frames", "step frames", "node frames"):
        yield Part(name, "varint", cursor.varint())
    if flags & 1:
        yield Part("lm id", "raw", cursor.raw(8))


def _chunk(cursor: Cursor) -> Iterator[Part]:
    yield Part("index", "varint", cursor.varint())
    yield Part("frames", "varint", cursor.varint())
    yield Part("mode", "u8", cursor.u(1))
    yield Part("token checksum", "u32", cursor.u(4))
    yield Part("payload", "raw", cursor.data)


def _detail(cursor: Cursor) -> Iterator[Part]:
    yield Part("index", "varint", cursor.varint())
    yield Part("coding", "u8", cursor.u(1))
    yield Part("token checksum", "u32", cursor.u(4))
    yield Part("payload", "raw", cursor.data)


def _index(cursor: Cursor) -> Iterator[Part]:
    while cursor.data:
        yield Part("number", "varint", cursor.varint())


def _tags(cursor: Cursor) -> Iterator[Part]:
    count = cursor.varint()
    yield Part("count", "varint", count)
    for _ in range(count):
        yield Part("tag", "text", cursor.raw(cursor.varint()))


def _picture(cursor: Cursor) -> Iterator[Part]:
    def number(name: str) -> Part:
        return Part(name, "u32 big", int.from_bytes(cursor.raw(4), "big"))

    yield number("type")
    for name in ("media type", "description"):
        length = number(f"length of {name}")
        yield length
        yield Part(name, "raw", cursor.raw(int(length.value)))
    for name in ("width", "height", "depth", "colours", "length"):
        yield number(name)
    yield Part("picture", "raw", cursor.data)


def _digest(cursor: Cursor) -> Iterator[Part]:
    yield Part("format", "u8", cursor.u(1))
    yield Part("md5", "raw", cursor.raw(16))


def _speakers(cursor: Cursor) -> Iterator[Part]:
    yield Part("mask", "varint", cursor.varint())


def _unknown(cursor: Cursor) -> Iterator[Part]:
    yield Part("payload", "raw", cursor.data)


_FIELDS = {
    b"HEAD": _head, b"CHNK": _chunk, b"detl": _detail, b"INDX": _index, b"tags": _tags, b"pict": _picture,
    b"pmd5": _digest, b"chan": _speakers,
}  # fmt: skip
