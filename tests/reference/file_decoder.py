"""A whole, undamaged `.nac` file to integers, as format_spec.md says, in plain Python."""

from __future__ import annotations

import zlib

from tests.reference.cursor import Cursor
from tests.reference.detail_decoder import Layer, decode_layers
from tests.reference.detail_decoder import checksum as detail_checksum
from tests.reference.lm_decoder import LanguageModel
from tests.reference.payload_decoder import Chunk, Layout, decode_payload


def crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value << 1 & 255 ^ (7 if value & 128 else 0)
    return value


def read_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """(type, payload) of every block; signature, version and trailer are checked and left out."""
    if data[:9] != bytes.fromhex("89 4E 41 43 0D 0A 1A 0A 01") or data[-4:] != b"nac\x89":
        raise ValueError("no nac file of major version 1, or a cut-off one")
    end = len(data) - 8
    at, blocks = 10, []
    while at < end:
        start, size = at, int.from_bytes(data[at + 4 : at + 7], "little")
        at += 12 + size
        block = data[start:at]
        if crc8(block[:7]) != block[7] or zlib.crc32(block[:-4]) != int.from_bytes(block[-4:], "little"):
            raise ValueError(f"corrupt: the block at byte {start}")
        blocks.append((block[:4].decode("ascii"), block[8:-4]))
    if at != end or start != len(data) - int.from_bytes(data[-8:-4], "little") or blocks[-1][0] != "INDX":
        raise ValueError("corrupt: the trailer")
    return blocks


def read_head(payload: bytes) -> dict:
    """The fields of HEAD by name."""
    cursor = Cursor(payload)
    head: dict = {"flags": cursor.u(1), "sample_rate": cursor.varint(), "channels": cursor.u(1)}
    groups, left = cursor.u(1), head["channels"]
    head["groups"] = []
    while left:
        head["groups"].append(1 + groups % 2)
        left -= head["groups"][-1]
        groups //= 2
    head["source_bits"] = cursor.u(1)
    head["num_samples"] = cursor.varint() - 1
    head["model_id"] = cursor.raw(8).hex()
    head["family"] = cursor.raw(cursor.varint()).decode("utf-8")
    head["name"] = cursor.raw(cursor.varint()).decode("utf-8")
    head["codec_rate"], head["hop_length"], planes = cursor.varint(), cursor.varint(), cursor.varint()
    head["sizes"], head["strides"] = [], []
    while len(head["sizes"]) < planes:
        run, size, stride = cursor.varint(), cursor.varint(), cursor.varint()
        head["sizes"] += [size] * run
        head["strides"] += [stride] * run
    head["chunk_frames"], head["step_frames"], head["node_frames"] = (cursor.varint() for _ in range(3))
    if head["flags"] & 1:
        head["lm_id"] = cursor.raw(8).hex()
    if cursor.data:
        raise ValueError("corrupt: bytes behind the last field")
    return head


def read_tags(payload: bytes) -> list[str]:
    """KEY=VALUE, one string each."""
    cursor = Cursor(payload)
    return [cursor.raw(cursor.varint()).decode("utf-8") for _ in range(cursor.varint())]


SPEAKERS = [
    "FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR", "TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR",
]  # fmt: skip
USUAL = [0x4, 0x3, 0x7, 0x33, 0x37, 0x3F, 0x70F, 0x63F]


def read_speakers(payload: bytes, channels: int) -> tuple[int, list[str]]:
    """The mask of `chan`, and each channel's speaker, "" for none."""
    cursor = Cursor(payload)
    mask = cursor.varint()
    names = [name for bit, name in enumerate(SPEAKERS) if mask >> bit & 1]
    if cursor.data or mask >= 1 << len(SPEAKERS) or len(names) > channels:
        raise ValueError("corrupt: the speakers")
    return mask, (names + [""] * channels)[:channels]


def decode_file(
    data: bytes, tables: list[list[int]] | None = None, language_model: LanguageModel | None = None
) -> tuple[dict, list[Chunk]]:
    """HEAD's fields, with the number of samples from INDX, and every chunk, checked against its checksum."""
    blocks = read_blocks(data)
    head = read_head(blocks[0][1])
    head["speakers"] = USUAL[head["channels"] - 1]
    chunks = []
    for kind, payload in blocks:
        if kind == "chan":
            head["speakers"], _ = read_speakers(payload, head["channels"])
        if kind != "CHNK":
            continue
        cursor = Cursor(payload)
        index, num_frames, mode, checksum = cursor.varint(), cursor.varint(), cursor.u(1), cursor.u(4)
        if mode == 2 and "lm_id" not in head:
            raise ValueError("corrupt: a chunk of mode 2 in a stream that names no language model")
        if mode == 2 and (language_model is None or language_model.id != head["lm_id"]):
            raise ValueError(f"language model {head['lm_id']} is needed")
        layout = Layout(
            head["channels"], head["groups"].count(2), head["sizes"], head["strides"],
            num_frames, head["step_frames"], head["node_frames"],
        )  # fmt: skip
        chunk = decode_payload(cursor.data, mode, layout, tables, language_model)
        if index != len(chunks) or chunk.checksum() != checksum:
            raise ValueError(f"corrupt: chunk {index}")
        chunks.append(chunk)
    head["num_samples"] = Cursor(blocks[-1][1]).varint()
    return head, chunks


def decode_detail(data: bytes) -> dict[int, list[Layer | None]]:
    """The layers of every chunk that has any, by its number, checked against their checksum (sections 6.5, 8.6)."""
    blocks = read_blocks(data)
    head = read_head(blocks[0][1])
    details: dict[int, list[Layer | None]] = {}
    for (before, chunk), (kind, payload) in zip(blocks, blocks[1:]):
        if kind != "detl":
            continue
        cursor, of_chunk = Cursor(payload), Cursor(chunk)
        index, coding, wanted = cursor.varint(), cursor.u(1), cursor.u(4)
        if before != "CHNK" or index != of_chunk.varint():
            raise ValueError(f"corrupt: detail of chunk {index} in another place")
        if coding:
            continue
        samples = of_chunk.varint() * head["hop_length"]
        layers = decode_layers(cursor.data, head["channels"], samples, head["codec_rate"])
        if detail_checksum(layers) != wanted:
            raise ValueError(f"corrupt: the detail of chunk {index}")
        details[index] = layers
    return details
