"""A chunk's payload to integers, as format_spec.md sections 7 and 8 say, in plain Python."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from tests.reference.cursor import Cursor
from tests.reference.lm_decoder import LanguageModel
from tests.reference.range_decoder import RangeDecoder


@dataclass
class Layout:
    """What a payload's reader must know of the stream: from its HEAD, and the chunk's number of frames."""

    channels: int
    pairs: int
    sizes: list[int]
    strides: list[int]
    num_frames: int
    step_frames: int
    node_frames: int


@dataclass
class Chunk:
    """`angles[pair]`, `gains[channel]`, `depths[channel]`, `codes[channel][plane]`: those present only."""

    angles: list[list[int]]
    gains: list[list[int]]
    depths: list[list[int]]
    codes: list[list[list[int]]]

    def checksum(self) -> int:
        rows = [*self.angles, *self.gains, *self.depths]
        side = bytes(value for row in rows for value in row)
        runs = (code for planes in self.codes for run in planes for code in run)
        return zlib.crc32(side + b"".join(code.to_bytes(2, "little") for code in runs))


class Bits:
    """Most significant bit first."""

    def __init__(self, data: bytes) -> None:
        self.bits = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def read(self, width: int) -> int:
        if self.at + width > len(self.bits):
            raise ValueError("corrupt: the payload ends early")
        self.at += width
        return int(self.bits[self.at - width : self.at] or "0", 2)

    def align(self) -> None:
        if self.read(-self.at % 8):
            raise ValueError("corrupt: padding that is not zero")

    def rice(self, parameter: int) -> int:
        quotient = 0
        while self.read(1):
            quotient += 1
        return quotient << parameter | self.read(parameter)

    def series(self, count: int, width: int) -> list[int]:
        values = [self.read(width)]
        parameter = self.read(2)
        for _ in range(count - 1):
            folded = self.rice(parameter)
            values.append(values[-1] + (-(folded + 1) // 2 if folded % 2 else folded // 2))
        return values


def decode_payload(
    payload: bytes,
    mode: int,
    layout: Layout,
    tables: list[list[int]] | None = None,
    language_model: LanguageModel | None = None,
) -> Chunk:
    """`tables[plane]` are the codec model's frequencies, for mode 1; mode 2 has a model. Raises ValueError."""
    bits = Bits(payload)
    steps = -(-layout.num_frames // layout.step_frames)
    nodes = -(-layout.num_frames // layout.node_frames) + 1
    angles = [[bits.read(6), bits.read(6)] for _ in range(layout.pairs)]
    gains, depths = [], []
    for _ in range(layout.channels):
        gains.append(bits.series(nodes, 8))
        depths.append(bits.series(steps, 7))
    bits.align()
    if mode == 2:
        return Chunk(angles, gains, depths, lm_codes(payload[bits.at // 8 :], depths, layout, language_model))
    if mode == 1:
        coder = RangeDecoder(payload[bits.at // 8 :])
    codes = []
    for channel in range(layout.channels):
        codes.append([])
        for plane, (size, stride) in enumerate(zip(layout.sizes, layout.strides)):
            firsts = range(0, layout.num_frames, stride)
            count = sum(depths[channel][first // layout.step_frames] > plane for first in firsts)
            if mode == 0:
                codes[-1].append([bits.read((size - 1).bit_length()) for _ in range(count)])
                bits.align()
            else:
                codes[-1].append([coder.decode(tables[plane]) for _ in range(count)])
    return Chunk(angles, gains, depths, codes)


def lm_codes(
    section: bytes, depths: list[list[int]], layout: Layout, language_model: LanguageModel
) -> list[list[list[int]]]:
    """Token section in mode 2, section 8.5."""
    if (language_model.sizes, language_model.strides) != (layout.sizes, layout.strides):
        raise ValueError("the language model is for other codes")
    cursor = Cursor(section)
    counts = [cursor.varint() for _ in depths[:-1]]
    streams = [cursor.raw(4 * count) for count in counts]
    streams.append(cursor.data)
    frames = [[steps[t // layout.step_frames] for t in range(layout.num_frames)] for steps in depths]
    return [language_model.decode(stream, row) for stream, row in zip(streams, frames)]
