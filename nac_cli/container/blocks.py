"""The block: type, length, check of both, payload, check of all. And the signature before the first one.

type      4 bytes   ASCII letters and digits; the first is a letter, upper case critical, lower ancillary
length    u24       of the payload
check     u8        CRC-8 of type and length
payload   length
checksum  u32       CRC-32 of everything above
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from nac_cli.container.limits import MAX_BLOCK, MAX_PAYLOAD
from nac_cli.errors import CorruptStream, LimitExceeded, UnsupportedStream

SIGNATURE = b"\x89NAC\r\n\x1a\n"
VERSION_MAJOR, VERSION_MINOR, LATER_MINOR = 1, 0, 1
PREFIX_SIZE = len(SIGNATURE) + 2

HEADER_SIZE = 8
BLOCK_OVERHEAD = HEADER_SIZE + 4

_OTHER_FORMATS = {
    b"RIFF": "a WAV file", b"RF64": "a WAV file", b"fLaC": "a FLAC file", b"OggS": "an Ogg file",
    b"ID3": "an MP3 file", b"FORM": "an AIFF file", b"ECDC": "an EnCodec file", b"\x1f\x8b": "a gzip file",
    b"PK\x03\x04": "a zip file",
}  # fmt: skip


# What text-mode transfers make of the signature's CR LF, lone LF and first byte.
_TEXT_MODE = (
    b"\x89NAC\n\x1a\n", b"\x89NAC\r\n\x1a\r\n", b"\x89NAC\r\r\n", b"\x89NAC\r\x1a", b"\x89NAC\n\n",
    b"\x89NAC\r\r\x1a", b"\xc2\x89NAC", b"\xef\xbf\xbdNAC", b"?NAC\r\n",
)  # fmt: skip


@dataclass(frozen=True)
class Block:
    """An intact block: its `kind`, where it starts in the stream, its payload."""

    kind: str
    offset: int
    payload: bytes

    @property
    def size(self) -> int:
        """Size in the stream in bytes, header and checksum included."""
        return len(self.payload) + BLOCK_OVERHEAD

    @property
    def where(self) -> str:
        """The kind of the block and its place, for messages."""
        return f"{self.kind} block at byte {self.offset}"


def is_critical(kind: str) -> bool:
    return kind[0].isupper()


def _crc8_table() -> bytes:
    table = bytearray()
    for byte in range(256):
        for _ in range(8):
            byte = (byte << 1) ^ (0x107 if byte & 0x80 else 0)
        table.append(byte)
    return bytes(table)


_CRC8 = _crc8_table()


def crc8(data: bytes) -> int:
    """Polynomial x^8 + x^2 + x + 1, start 0, most significant bit first, no final inversion."""
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def pack_prefix(later: bool = False) -> bytes:
    """Signature and version, which says whether the file may hold blocks that version 1.0 did not have."""
    return SIGNATURE + bytes([VERSION_MAJOR, LATER_MINOR if later else VERSION_MINOR])


def unpack_prefix(data: bytes) -> tuple[int, int]:
    """(major, minor) from a file's first `PREFIX_SIZE` bytes.

    Raises `UnsupportedStream` for another kind of file or another major version, `CorruptStream` for a nac
    file that was cut off or changed on its way here.
    """
    if not data:
        raise CorruptStream("the file is empty")
    if not data.startswith(SIGNATURE):
        raise _wrong_signature(data)
    if len(data) < PREFIX_SIZE:
        raise CorruptStream(f"the file ends after {len(data)} bytes, inside its version number")
    major, minor = data[len(SIGNATURE) :][:2]
    if major != VERSION_MAJOR:
        raise UnsupportedStream(
            f"this is a nac file of version {major}.{minor}, but this nac reads {VERSION_MAJOR}.x; update nac"
        )
    return major, minor


def _wrong_signature(data: bytes) -> CorruptStream | UnsupportedStream:
    if SIGNATURE.startswith(data):
        return CorruptStream(f"the file ends after {len(data)} bytes, inside its signature")
    if data.startswith(b"\x09NAC"):
        return CorruptStream(
            "a 7-bit transfer stripped the top bit of every byte; copy the original again in binary mode"
        )
    if data.startswith(_TEXT_MODE):
        return CorruptStream(
            "a text-mode transfer changed the file's line endings; copy the original again in binary mode"
        )
    if sum(a == b for a, b in zip(data, SIGNATURE)) >= 6:
        return CorruptStream("the signature is damaged, the file should start with 89 4E 41 43 0D 0A 1A 0A")
    for magic, name in _OTHER_FORMATS.items():
        if data.startswith(magic):
            return UnsupportedStream(f"this is {name}, not a nac file")
    return UnsupportedStream("this is not a nac file: it does not start with 89 'NAC'")


def pack_block(kind: str, payload: bytes) -> bytes:
    """The bytes of a block. Raises `LimitExceeded` when the payload is too long for its kind."""
    check_length(kind, len(payload), "this")
    header = kind.encode("ascii") + len(payload).to_bytes(3, "little")
    body = header + bytes([crc8(header)]) + payload
    return body + zlib.crc32(body).to_bytes(4, "little")


def unpack_header(data: bytes) -> tuple[str, int] | None:
    """(kind, payload length) from the first `HEADER_SIZE` bytes, None when these are no block header."""
    name = data[:4]
    if len(data) < HEADER_SIZE or not (name.isalnum() and name[:1].isalpha()) or crc8(data[:7]) != data[7]:
        return None
    return name.decode("ascii"), int.from_bytes(data[4:7], "little")


def check_length(kind: str, length: int, where: str) -> None:
    """Check the length of a payload. Raises `LimitExceeded` when it is longer than its kind allows."""
    limit = MAX_BLOCK.get(kind, MAX_PAYLOAD)
    if length > limit:
        raise LimitExceeded(f"{where} {kind} block has {length} bytes of payload, the limit is {limit}")


def unpack_body(kind: str, offset: int, data: bytes) -> Block | None:
    """The block whose complete bytes are `data`, None when the checksum fails."""
    if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        return None
    return Block(kind, offset, data[HEADER_SIZE:-4])
