"""Payloads of `tags` (UTF-8 KEY=VALUE), `pict` (FLAC's picture layout), `pmd5` (MD5 of the source's PCM)."""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.container import limits
from nac_cli.container.fields import FieldReader, pack_varint
from nac_cli.errors import LimitExceeded, UsageError
from nac_cli.values import Picture


@dataclass(frozen=True)
class PcmDigest:
    """MD5 of the source's samples: interleaved, little-endian, `bits` each, signed integers or `floating`.

    Integers whose `bits` are no multiple of 8 are sign-extended to whole bytes, as in FLAC.
    """

    md5: bytes
    bits: int
    floating: bool = False


def is_valid_key(key: str) -> bool:
    """Whether `key` can be a tag's: 1 to 255 characters of 0x20 to 0x7D, no '='."""
    return 0 < len(key) <= limits.MAX_KEY_BYTES and all(" " <= char <= "}" and char != "=" for char in key)


def pack_tags(items: tuple[tuple[str, str], ...]) -> bytes:
    """Raises `UsageError` for a key or value that cannot be written, `LimitExceeded` for too many."""
    if len(items) > limits.MAX_TAGS:
        raise LimitExceeded(f"{len(items)} tags are too many, the limit is {limits.MAX_TAGS}")
    for key, _ in items:
        if not is_valid_key(key):
            raise UsageError(f"{key!r} cannot be a tag's key: use 1 to 255 ASCII characters, no '=' or '~'")
    return pack_varint(len(items)) + b"".join(_pack_utf8(f"{key}={value}") for key, value in items)


def unpack_tags(payload: bytes, where: str) -> tuple[tuple[str, str], ...]:
    """Raises `CorruptStream` or `LimitExceeded`."""
    fields = FieldReader(payload, where)
    count = fields.number("number of tags", 0, limits.MAX_TAGS)
    items = []
    for position in range(count):
        text = fields.text(f"tag {position}", 1, limits.MAX_TAG_BYTES)
        key, equals, value = text.partition("=")
        if not equals or not is_valid_key(key):
            raise fields.corrupt(f"tag {position} is not KEY=VALUE with an ASCII key")
        items.append((key, value))
    fields.end()
    return tuple(items)


def pack_picture(picture: Picture) -> bytes:
    """Raises `UsageError` for a field that cannot be written; `pack_block` checks the size."""
    mime, description = _utf8(picture.mime), _utf8(picture.description)
    if not all(0x20 <= byte <= 0x7E for byte in mime):
        raise UsageError(f"{picture.mime!r} cannot be a picture's type: use printable ASCII like image/jpeg")
    numbers = (picture.type, picture.width, picture.height, picture.depth, picture.colours)
    if not all(0 <= number < 2**32 for number in numbers):
        raise UsageError(f"a picture's numbers must lie in 0 to 2^32 - 1, not {numbers}")
    sizes = b"".join(_u32_big(number) for number in numbers[1:])
    return b"".join([
        _u32_big(picture.type), _u32_big(len(mime)), mime, _u32_big(len(description)), description,
        sizes, _u32_big(len(picture.data)), picture.data,
    ])  # fmt: skip


def unpack_picture(payload: bytes, where: str) -> Picture:
    """Raises `CorruptStream`."""
    fields = FieldReader(payload, where)
    kind = fields.u32_big("picture type")
    mime = fields.raw("media type", fields.u32_big("media type length"))
    if not all(0x20 <= byte <= 0x7E for byte in mime):
        raise fields.corrupt("media type is not printable ASCII")
    description = fields.utf8("description", fields.raw("description", fields.u32_big("description length")))
    width, height, depth, colours = (fields.u32_big(name) for name in ("width", "height", "depth", "colours"))
    data = fields.raw("picture", fields.u32_big("picture length"))
    fields.end()
    return Picture(kind, mime.decode("ascii"), description, width, height, depth, colours, data)


def pack_digest(digest: PcmDigest) -> bytes:
    """Raises `UsageError`."""
    widths = (32, 64) if digest.floating else range(limits.MIN_SOURCE_BITS, limits.MAX_SOURCE_BITS + 1)
    if digest.bits not in widths or len(digest.md5) != 16:
        raise UsageError(f"no PCM digest: {digest.bits} bits and {len(digest.md5)} bytes of MD5")
    return bytes([digest.bits | 0x80 * digest.floating]) + digest.md5


def unpack_digest(payload: bytes, where: str) -> PcmDigest:
    """Raises `CorruptStream`."""
    fields = FieldReader(payload, where)
    descriptor = fields.u8("sample format")
    bits, floating = descriptor & 0x7F, descriptor >= 0x80
    if not (bits in (32, 64) if floating else limits.MIN_SOURCE_BITS <= bits <= limits.MAX_SOURCE_BITS):
        raise fields.corrupt(f"sample format {descriptor:#04x} is none that this version knows")
    md5 = fields.raw("MD5", 16)
    fields.end()
    return PcmDigest(md5, bits, floating)


def _pack_utf8(text: str) -> bytes:
    return pack_varint(len(data := _utf8(text))) + data


def _utf8(text: str) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(f"{text!r} cannot be written as UTF-8") from error


def _u32_big(value: int) -> bytes:
    return value.to_bytes(4, "big")
