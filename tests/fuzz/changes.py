"""Changes of a stream that a damaged disk, a faulty encoder or a hostile mind could make.

A change is a verb and a few numbers, which any stream can make sense of. Changes of blocks, fields and payloads leave a
stream whose checksums hold, so that they reach what lies behind these; changes of bytes come last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from nac_cli.container import Index
from nac_cli.container.index import pack_index, pack_trailer
from nac_cli.detail_layer import DetailLayer
from nac_cli.entropy import pack, token_checksum, unpack
from nac_cli.entropy.detail.channels import layers_checksum, pack_layers, unpack_layers
from nac_cli.errors import NacError
from nac_cli.values import StreamInfo
from tests.entropy.detail.layers import random_layer
from tests.fuzz.corpus import Models, extreme_codes
from tests.fuzz.structure import Part, Piece, Stream, fields_of, joined, taken_apart

LARGEST_LEVEL = 32_782
KINDS = (b"HEAD", b"CHNK", b"detl", b"INDX", b"chan", b"tags", b"pict", b"padd", b"pmd5", b"newT", b"NewT")
NUMBERS = tuple(
    sorted({
        *range(10), 63, 64, 127, 128, 255, 256, 863, 864, 7999, 8000, 44_100, 192_000, 192_001, 262_143, 262_144,
        *(edge for power in (15, 16, 20, 22, 24, 28, 31, 32, 40, 62, 63) for edge in (2**power - 1, 2**power)),
    })
)  # fmt: skip
"""Limits of the format and their neighbours."""


@dataclass(frozen=True)
class Change:
    """`verb` is one of VERBS or BYTE_VERBS; `at` and `other` are places, which wrap round; `value` and `data` are what
    to put there."""

    verb: str
    at: int = 0
    other: int = 0
    value: int = 0
    data: bytes = b""


@dataclass(frozen=True)
class Case:
    """A stream of the corpus and what becomes of it, in this order: changes that keep the checksums; the index made
    anew if it is `reindexed`; changes of bytes."""

    name: str
    changes: tuple[Change, ...] = ()
    reindexed: bool = False
    bytes: tuple[Change, ...] = ()


def applied(case: Case, corpus: Mapping[str, bytes], models: Models) -> bytes:
    """The bytes of a case."""
    stream = taken_apart(corpus[case.name])
    for change in case.changes:
        stream = VERBS[change.verb](stream, change, corpus, models)
    data = (_reindexed(stream) if case.reindexed else stream).data
    for change in case.bytes:
        data = BYTE_VERBS[change.verb](data, change)
    return data


Verb = Callable[[Stream, Change, Mapping[str, bytes], Models], Stream]


def _with(stream: Stream, pieces: list[Piece]) -> Stream:
    return replace(stream, pieces=tuple(pieces))


def swap(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    pieces = list(stream.pieces)
    if pieces:
        a, b = change.at % len(pieces), change.other % len(pieces)
        pieces[a], pieces[b] = pieces[b], pieces[a]
    return _with(stream, pieces)


def repeat(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    pieces = list(stream.pieces)
    if pieces:
        at = change.at % len(pieces)
        pieces[at:at] = [pieces[change.other % len(pieces)]] * (1 + change.value % 3)
    return _with(stream, pieces)


def drop(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    pieces = list(stream.pieces)
    if pieces:
        del pieces[change.at % len(pieces)]
    return _with(stream, pieces)


def insert(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """A block of any type with any payload."""
    pieces = list(stream.pieces)
    pieces.insert(change.at % (len(pieces) + 1), Piece(KINDS[change.value % len(KINDS)], change.data))
    return _with(stream, pieces)


def graft(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """A block of another stream, put in or in place of one."""
    pieces, donors = list(stream.pieces), taken_apart(sorted(corpus.items())[change.value % len(corpus)][1]).pieces
    at = change.at % (len(pieces) + 1)
    pieces[at : at + change.value // len(corpus) % 2] = [donors[change.other % len(donors)]]
    return _with(stream, pieces)


def retype(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    def other_kind(piece: Piece) -> Piece:
        return replace(piece, kind=KINDS[change.value % len(KINDS)])

    return _one(stream, change.at, other_kind)


def cut(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """A payload that ends early, or goes on."""

    def shorter(piece: Piece) -> Piece:
        return replace(piece, payload=piece.payload[: change.other % (len(piece.payload) + 1)] + change.data)

    return _one(stream, change.at, shorter)


def set_field(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """Another value in a field; a number's neighbours and the limits of the format among them."""

    def changed(part: Part) -> Part:
        if isinstance(part.value, bytes):
            return replace(part, value=change.data)
        near = part.value + (change.value % 7 - 3)
        return replace(part, value=near if change.value < 0 and near >= 0 else abs(change.value))

    at = change.at % max(len(stream.pieces), 1)
    return _one(stream, at or change.other % 3, lambda piece: _field_changed(piece, change.other, changed))


def change_bits(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """Bits of a payload, with the block's checksum mended but not the checksum of what is packed in it."""
    return _one(stream, change.at, lambda piece: replace(piece, payload=_spoilt(piece.payload, change)))


def other_codes(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """Bits of the packed codes or detail, and the checksum that belongs to what they unpack to now."""
    places = [at for at, piece in enumerate(stream.pieces) if piece.kind in (b"CHNK", b"detl")]
    if not places:
        return stream
    at = places[change.at % len(places)]

    def changed(piece: Piece) -> Piece:
        parts = {part.name: part for part in fields_of(piece)}
        if "payload" not in parts:
            return piece
        parts["payload"] = replace(parts["payload"], value=_spoilt(bytes(parts["payload"].value), change))
        checksum = _checksum(piece.kind, parts, stream, at, models)
        if checksum is not None:
            parts["token checksum"] = replace(parts["token checksum"], value=checksum)
        return joined(piece, list(parts.values()))

    return _one(stream, at, changed)


def redraw(stream: Stream, change: Change, corpus: Mapping[str, bytes], models: Models) -> Stream:
    """Other codes in a chunk, or other detail behind it: drawn at random, at the limits for some values, and packed in
    any mode, so that all is intact."""
    info = _info(stream)
    places = [at for at, piece in enumerate(stream.pieces) if piece.kind in (b"CHNK", b"detl")]
    if info is None or info.codec != models.file.spec or not places:
        return stream
    at = places[change.at % len(places)]
    parts = {part.name: part for part in fields_of(stream.pieces[at])}
    chunk = {part.name: part for piece in stream.pieces[max(at - 1, 0) : at + 1] for part in fields_of(piece)}
    frames = int(chunk["frames"].value) if "frames" in chunk else 0
    if "payload" not in parts or not 1 <= frames <= info.framing.chunk_frames:
        return stream
    if stream.pieces[at].kind == b"CHNK":
        codes = extreme_codes(info, frames, change.other, abs(change.value) % 4)
        mode = int(parts["mode"].value) if change.value < 0 else change.value % (3 if info.lm_id == models.lm_id else 2)
        if mode not in (0, 1, 2):
            return stream
        new = {"mode": mode, "token checksum": token_checksum(codes), "payload": pack(codes, info, mode, models.coders)}
    else:
        samples, rate = frames * info.codec.hop_length, info.codec.sample_rate
        density, largest = (0.0, 0.002, 0.1, 1.0)[change.value % 4], (0.5, 3.0, 200.0, 20_000.0)[change.value // 4 % 4]
        layers = [
            None if (change.other + channel) % 3 == 1 else _layer(samples, rate, change.other, density, largest)
            for channel in range(info.channels)
        ]
        new = {"token checksum": layers_checksum(layers), "payload": pack_layers(layers, rate)}
    parts |= {name: replace(parts[name], value=value) for name, value in new.items()}
    return _one(stream, at, lambda piece: joined(piece, list(parts.values())))


def _layer(samples: int, rate: int, seed: int, density: float, largest: float) -> DetailLayer:
    """A layer at random, its levels within the bounds of the format."""
    layer = random_layer(samples, rate, seed, density, largest)
    return replace(layer, levels=np.clip(layer.levels, -LARGEST_LEVEL, LARGEST_LEVEL))


def _checksum(kind: bytes, parts: dict[str, Part], stream: Stream, at: int, models: Models) -> int | None:
    """The checksum of what a payload unpacks to, None if it does not."""
    info = _info(stream)
    number, payload = parts["index"].value, bytes(parts["payload"].value)
    try:
        if info is None:
            return None
        if kind == b"CHNK":
            mode, frames = int(parts["mode"].value), int(parts["frames"].value)
            return token_checksum(unpack(payload, frames, info, mode, models.coders))
        for piece in stream.pieces[:at]:
            of_chunk = {part.name: part.value for part in fields_of(piece)}
            if piece.kind == b"CHNK" and of_chunk.get("index") == number and "frames" in of_chunk:
                samples = int(of_chunk["frames"]) * info.codec.hop_length
                return layers_checksum(unpack_layers(payload, info.channels, samples, info.codec.sample_rate))
    except NacError:
        pass
    return None


def _info(stream: Stream) -> StreamInfo | None:
    from nac_cli.container.header import unpack_header

    for piece in stream.pieces:
        if piece.kind == b"HEAD":
            try:
                info = unpack_header(piece.payload, "HEAD")
            except NacError:
                return None
            return info if info.framing.chunk_frames * info.channels < 10_000 else None
    return None


def _one(stream: Stream, at: int, change: Callable[[Piece], Piece]) -> Stream:
    pieces = list(stream.pieces)
    if pieces:
        at %= len(pieces)
        pieces[at] = change(pieces[at])
    return _with(stream, pieces)


def _field_changed(piece: Piece, at: int, change: Callable[[Part], Part]) -> Piece:
    parts = fields_of(piece)
    if parts:
        parts[at % len(parts)] = change(parts[at % len(parts)])
    return joined(piece, parts)


def _spoilt(data: bytes, change: Change) -> bytes:
    """`data` with a few bytes from `change.other` on changed to `change.data`, or one of its bits."""
    if not data:
        return change.data
    at = change.other % len(data)
    if change.data:
        return data[:at] + change.data + data[at + len(change.data) * (change.value % 2) :]
    return data[:at] + bytes([data[at] ^ 1 << change.value % 8]) + data[at + 1 :]


def _reindexed(stream: Stream) -> Stream:
    """The stream with an index and a trailer that fit where its chunks lie; the length is that of the old index."""
    pieces = [piece for piece in stream.pieces if piece.kind != b"INDX"]
    numbers = [part.value for piece in stream.pieces if piece.kind == b"INDX" for part in fields_of(piece)]
    starts, chunks, at = [], [], 0
    for piece in pieces:
        starts.append(at)
        at += len(piece.data)
    chunks = [number for number, piece in enumerate(pieces) if piece.kind == b"CHNK"]
    last = starts[chunks[-1]] + len(pieces[chunks[-1]].data) if chunks else 0
    bounds = [starts[number] for number in chunks] + [last]
    spans = tuple(b - a for a, b in zip(bounds, bounds[1:]))
    samples, frames = ([int(number) for number in numbers if isinstance(number, int)] + [0, 0])[:2]
    index = Index(samples % 2**63, frames % 2**63, spans, at - starts[chunks[0]] if chunks else 0)
    final = Piece(b"INDX", pack_index(index))
    return Stream(stream.prefix, (*pieces, final), pack_trailer(len(final.data)))


def flip(data: bytes, change: Change) -> bytes:
    if not data:
        return data
    at = change.at % len(data)
    return data[:at] + bytes([data[at] ^ 1 << change.value % 8]) + data[at + 1 :]


def put(data: bytes, change: Change) -> bytes:
    at = change.at % (len(data) + 1)
    return data[:at] + change.data + data[at + len(change.data) * (change.value % 2) :]


def delete(data: bytes, change: Change) -> bytes:
    at = change.at % (len(data) + 1)
    return data[:at] + data[at + 1 + change.other % 64 :]


def double(data: bytes, change: Change) -> bytes:
    at = change.at % (len(data) + 1)
    return data[:at] + data[at : at + 1 + change.other % 512] + data[at:]


def exchange(data: bytes, change: Change) -> bytes:
    a, b = sorted((change.at % (len(data) + 1), change.other % (len(data) + 1)))
    size = min(1 + abs(change.value) % 64, b - a)
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def truncate(data: bytes, change: Change) -> bytes:
    return data[: change.at % (len(data) + 1)]


VERBS: dict[str, Verb] = {
    verb.__name__: verb
    for verb in (swap, repeat, drop, insert, graft, retype, cut, set_field, change_bits, other_codes, redraw)
}
WITHIN = ("other_codes", "redraw")
"""Changes that leave the structure as it is."""
BYTE_VERBS: dict[str, Callable[[bytes, Change], bytes]] = {
    verb.__name__: verb for verb in (flip, put, delete, double, exchange, truncate)
}
