"""What each golden file is for: one special thing each, its bytes, what a reader must make of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from nac_cli.container import DetailRecord
from nac_cli.container.blocks import crc8
from nac_cli.entropy import Coders, FrequencyTables, from_counts, pack
from nac_cli.errors import CorruptStream, LimitExceeded, NacError, UnsupportedStream
from nac_cli.values import CodecSpec, Framing
from tests.container.streams import (
    DIGEST,
    TAGS,
    block,
    blocks_of,
    flip,
    insert,
    kind_of,
    random_codes,
    real_records,
    reindex,
    stream_info,
    write_stream,
)

STATIC_TABLES = FrequencyTables([from_counts(np.arange(4, 0, -1)), from_counts(np.array([0, 0, 1, 9]))])
"""The tables that good-static.nac was coded with; a real stream's come with its model."""


@dataclass(frozen=True)
class Case:
    """`error` is what a strict reader raises, `chunks` what a lenient one delivers, None if it raises too."""

    sentence: str
    data: bytes
    error: type[NacError] | None = None
    chunks: tuple[int, ...] | None = None


def good(sentence: str, data: bytes, chunks: int = 3) -> Case:
    return Case(sentence, data, None, tuple(range(chunks)))


def unsupported(sentence: str, data: bytes) -> Case:
    return Case(sentence, data, UnsupportedStream)


def unusable(sentence: str, data: bytes) -> Case:
    return Case(sentence, data, CorruptStream)


def bad(sentence: str, data: bytes, *chunks: int) -> Case:
    return Case(sentence, data, CorruptStream, chunks)


def stream(num_samples: int = 1500, header_samples: int | None = 1500, extras: dict | None = None, **changes) -> bytes:
    info = stream_info(header_samples, **changes)
    return write_stream(info, real_records(info, num_samples), num_samples, **extras or {})


def sized(num_samples: int, **changes) -> bytes:
    return stream(num_samples, num_samples, **changes)


def static() -> bytes:
    info = stream_info(1500)
    records = []
    for index, record in enumerate(real_records(info, 1500)):
        payload = pack(random_codes(info, record.num_frames, index), info, 1, Coders(STATIC_TABLES))
        records.append(replace(record, mode=1, payload=payload))
    return write_stream(info, records, 1500)


DETAIL = {
    0: DetailRecord(
        0, 0xCB62F73C, bytes.fromhex("9f87d5a76e342e5508355a58a96e42dfae2487332bad492985000000000bdda3b2ff58a6e391b2")
    ),
    2: DetailRecord(2, 0xF5D464DE, bytes.fromhex("73eaa67641")),
}
"""Layers that decode: of 640 samples in blocks of all lengths with levels up to the largest, and of 240 samples."""


def detailed() -> bytes:
    """PLAIN with detail behind its first and last chunk."""
    info = stream_info(1500)
    records = [replace(record, detail=DETAIL.get(record.index)) for record in real_records(info, 1500)]
    return write_stream(info, records, 1500, detail=True)


# The stream that most cases change, by bytes:
#   HEAD   flags, rate (2), channels, groups, bits, samples + 1 (2), ..., planes and run (4), framing (3)
#   CHNK   index, frames, mode, token checksum (4), payload
#   INDX   samples (2), frames, chunks, distance, spans (3)
PLAIN = stream()
PIECES = blocks_of(PLAIN)
STARTS = [sum(map(len, PIECES[:i])) for i in range(len(PIECES))]
PREFIX, HEAD, CHUNKS, INDX, TRAILER = PIECES[0], PIECES[1], PIECES[2:5], PIECES[5], PIECES[6]
CHUNK_1 = STARTS[3]
DETAILED = detailed()
DETAILS = [piece for piece in blocks_of(DETAILED) if kind_of(piece) == b"detl"]
STRIDES = CodecSpec("strides", "demo", bytes(8), 24000, 512, (5, 1000, 65536), (4, 2, 1))
SECOND_DIGEST = block(b"pmd5", b"\x10" + bytes(16))
UNKNOWN = block(b"NewT", b"")
NOT_UTF8 = block(b"tags", b"\x01\x03A=\xff")
LONG_TAGS = b"tags\x00\x00\x20"


def edit(kind: bytes, change: Callable[[bytes], bytes], which: int = 0) -> bytes:
    """PLAIN with the payload of a block changed and its checks renewed."""
    pieces = list(PIECES)
    position = [i for i, piece in enumerate(pieces) if kind_of(piece) == kind][which]
    pieces[position] = block(kind, change(pieces[position][8:-4]))
    return b"".join(pieces)


def set_byte(kind: bytes, position: int, value: int, which: int = 0) -> bytes:
    return edit(kind, lambda payload: payload[:position] + bytes([value]) + payload[position + 1 :], which)


def set_runs(*run: int) -> bytes:
    """PLAIN with its two planes described otherwise."""
    return edit(b"HEAD", lambda payload: payload.replace(bytes([2, 2, 4, 1]), bytes(run)))


def chunks(*order: int) -> bytes:
    return b"".join([PREFIX, HEAD, *(CHUNKS[number] for number in order), INDX, TRAILER])


CASES: dict[str, Case] = {
    "good-plain": good("Mono, three chunks, packed, nothing else.", PLAIN),
    "good-empty": good("No sound at all: no samples, no chunks.", sized(0), 0),
    "good-one-sample": good("One sample: one chunk of one frame.", sized(1), 1),
    "good-decorated": good(
        "A rotated pair, tags, a picture, padding, the source's MD5.",
        stream(channels=2, extras={"tags": TAGS, "padding": 20, "digest": DIGEST}),
    ),
    "good-piped": good("The header leaves the length open; the index has it.", stream(header_samples=None)),
    "good-static": good("Range coded with the tables of golden_cases.py.", static()),
    "good-strides": good(
        "Three planes of different size and stride, steps that strides straddle.",
        sized(3400, codec=STRIDES, framing=Framing(8, 3, 5)),
    ),
    "good-six-channels": good("Groups of pair, single, single, pair.", sized(900, channels=6, groups=(2, 1, 1, 2)), 2),
    "good-speakers": good(
        "2.1 sound: a pair and a subwoofer, as the block `chan` says.", stream(channels=3, groups=(2, 1), speakers=0xB)
    ),
    "good-lm-id": good("The header names an entropy model that no chunk uses.", stream(lm_id=b"lm-model")),
    "good-minor-version": good("Version 1.9: a later minor version.", PLAIN[:9] + b"\x09" + PLAIN[10:]),
    "good-unknown-block": good(
        "An unknown ancillary block between two chunks.",
        reindex(b"".join([*PIECES[:3], block(b"newT", b"news"), *PIECES[3:]])),
    ),
    "good-detail": good("Detail behind chunks 0 and 2.", DETAILED),
    "good-detail-of-the-future": good(
        "The detail of chunk 0 is packed in way 9, that of chunk 2 in way 0.",
        reindex(DETAILED.replace(DETAILS[0], block(b"detl", b"\0\x09other....."))),
    ),
    "unsupported-version": unsupported("Version 2.0.", PLAIN[:8] + b"\x02" + PLAIN[9:]),
    "unsupported-block": unsupported("An unknown critical block.", insert(PLAIN, b"CHNK", UNKNOWN)),
    "unsupported-flag": unsupported("A reserved flag of HEAD is set.", set_byte(b"HEAD", 0, 4)),
    "unsupported-mode": unsupported("A chunk in mode 77.", set_byte(b"CHNK", 2, 77)),
    "unsupported-wav": unsupported("A WAV file.", b"RIFF\x24\0\0\0WAVEfmt "),
    "bad-nothing": unusable("Zero bytes.", b""),
    "bad-text-mode": unusable("CR LF became LF.", PLAIN.replace(b"\r\n", b"\n")),
    "bad-seven-bit": unusable("The top bits are gone.", bytes(byte & 0x7F for byte in PLAIN)),
    "bad-head-cut": unusable("The file ends inside HEAD.", PLAIN[:40]),
    "bad-head-flip": unusable("A bit of HEAD is flipped.", flip(PLAIN, 30)),
    "bad-head-missing": unusable("A CHNK stands where HEAD should.", b"".join([PREFIX, *PIECES[2:]])),
    "bad-head-long": unusable("A byte follows HEAD's last field.", edit(b"HEAD", lambda data: data + b"\0")),
    "bad-varint": unusable(
        "HEAD's chunk frames are 88 00 instead of 08.",
        edit(b"HEAD", lambda payload: payload[:-3] + b"\x88\0" + payload[-2:]),
    ),
    "bad-groups": unusable("A pair in a stream of one channel.", set_byte(b"HEAD", 4, 1)),
    "bad-runs": unusable("Two equal runs of planes instead of one.", set_runs(2, 1, 4, 1, 1, 4, 1)),
    "bad-stride": unusable("A stride that does not divide the chunk.", set_runs(2, 2, 4, 3)),
    "bad-planes": Case("65 planes.", set_runs(65, 65, 4, 1), LimitExceeded),
    "bad-block-limit": Case(
        "A tags block that claims 2 MiB.",
        insert(PLAIN, b"CHNK", LONG_TAGS + bytes([crc8(LONG_TAGS)])),
        LimitExceeded,
    ),
    "bad-head-twice": bad("A second HEAD.", insert(PLAIN, b"CHNK", HEAD), 0, 1, 2),
    "bad-tags": bad("A tag is not UTF-8.", insert(PLAIN, b"CHNK", NOT_UTF8), 0, 1, 2),
    "bad-two-digests": bad("Two pmd5 blocks.", reindex(insert(PLAIN, b"INDX", SECOND_DIGEST * 2)), 0, 1, 2),
    "bad-chunk-payload": bad("A bit of chunk 1's codes is flipped.", flip(PLAIN, CHUNK_1 + 17), 0, 2),
    "bad-chunk-type": bad("A bit of chunk 1's type is flipped.", flip(PLAIN, CHUNK_1, 5), 0, 2),
    "bad-chunk-length": bad("A bit of chunk 1's length is flipped.", flip(PLAIN, CHUNK_1 + 5), 0, 2),
    "bad-chunk-frames": bad("Chunk 1 has 7 frames instead of 8.", set_byte(b"CHNK", 1, 7, which=1), 0, 2),
    "bad-chunk-lm": bad("Chunk 1 is in mode 2, HEAD names no language model.", set_byte(b"CHNK", 2, 2, which=1), 0, 2),
    "bad-chunk-missing": bad("Chunk 1 is not there.", chunks(0, 2), 0, 2),
    "bad-chunk-twice": bad("Chunk 1 comes twice.", chunks(0, 1, 1, 2), 0, 1, 2),
    "bad-chunk-late": bad("Chunk 1 comes after chunk 2.", chunks(0, 2, 1), 0, 2),
    "bad-cut-in-chunk": bad("The file ends inside chunk 1.", PLAIN[: CHUNK_1 + 20], 0),
    "bad-cut-between": bad("The file ends after chunk 1.", PLAIN[: STARTS[4]], 0, 1),
    "bad-cut-before-index": bad("The file ends before INDX.", PLAIN[: STARTS[5]], 0, 1, 2),
    "bad-index-flip": bad("A bit of INDX is flipped.", flip(PLAIN, STARTS[5] + 9), 0, 1, 2),
    "bad-index-samples": bad("INDX has other samples than HEAD.", set_byte(b"INDX", 0, 0xDB), 0, 1, 2),
    "bad-index-frames": bad("INDX has one frame too many.", set_byte(b"INDX", 2, 20), 0, 1, 2),
    "bad-index-chunks": bad("INDX says two chunks and has three spans.", set_byte(b"INDX", 3, 2), 0, 1, 2),
    "bad-trailer": bad("The trailer points too far back.", PLAIN[:-8] + b"\x1d\0\0\0nac\x89", 0, 1, 2),
    "bad-appended": bad("An ID3v1 tag follows the trailer.", PLAIN + b"TAG" + bytes(125), 0, 1, 2),
    "bad-detail-flip": bad(
        "A bit of the detail of chunk 2 is flipped.", flip(DETAILED, DETAILED.index(DETAILS[1]) + 15), 0, 1, 2
    ),
    "bad-detail-index": bad(
        "The detail behind chunk 0 says that it is that of chunk 1.",
        DETAILED.replace(DETAILS[0], block(b"detl", b"\1" + DETAILS[0][9:-4])),
        0,
        1,
        2,
    ),
    "bad-detail-twice": bad(
        "Chunk 0 has its detail twice.", reindex(DETAILED.replace(DETAILS[0], DETAILS[0] * 2)), 0, 1, 2
    ),
    "bad-detail-apart": bad(
        "Padding stands between chunk 0 and its detail.",
        reindex(DETAILED.replace(DETAILS[0], block(b"padd", bytes(5)) + DETAILS[0])),
        0,
        1,
        2,
    ),
    "bad-detail-first": bad("Detail stands before the first chunk.", insert(PLAIN, b"CHNK", DETAILS[0]), 0, 1, 2),
    "bad-tokens": good(
        "Every byte is intact, but chunk 1 decodes to codes with another token checksum.",
        edit(b"CHNK", lambda payload: payload[:3] + bytes([payload[3] ^ 1]) + payload[4:], which=1),
    ),
}


def readme() -> str:
    """The list that stands beside the files."""
    files = [f"- `{name}.nac`: {case.sentence}" for name, case in CASES.items()]
    return "\n".join([
        "# Golden files",
        "",
        "Small streams with one special thing each, for nac's tests and for anyone who writes a decoder.",
        "Decoders read `good-*`, refuse `unsupported-*` as unsupported, and refuse `bad-*` or deliver what",
        "is intact and say so. Made by `pytest tests/container/test_golden.py --regenerate-golden`.",
        "",
        *files,
        "",
    ])  # fmt: skip
