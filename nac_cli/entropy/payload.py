"""A chunk's payload: the side section, then the token section in one of the entropy modes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from nac_cli.entropy import packed, static
from nac_cli.entropy.bits import BitReader
from nac_cli.entropy.frequencies import FrequencyTables
from nac_cli.entropy.runs import gather, lengths, scatter
from nac_cli.entropy.side import Side, pack_side, read_side
from nac_cli.errors import UnsupportedStream
from nac_cli.values import ChunkCodes, StreamInfo


class Mode(IntEnum):
    """How a token section is coded, with the number that stands for it in a file."""

    PACKED = 0
    STATIC = 1
    LM = 2


@dataclass(frozen=True)
class PayloadBits:
    """Where a payload's bits went; the three parts add up to its size.

    `planes[k]` is exact in `packed` mode (padding included) and the information content by the tables in
    `static` mode, where `coder` is what the range coder adds to it.
    """

    side: int
    planes: tuple[float, ...]
    coder: float


def pack(chunk: ChunkCodes, info: StreamInfo, mode: int, tables: FrequencyTables | None = None) -> bytes:
    """Payload of `chunk` in `mode`; `tables` are needed in `static` mode.

    Raises `NacError` if the chunk does not fit `info`, `ModelError` if the tables do not fit the codec,
    `UnsupportedStream` for a mode that this version lacks.
    """
    side = pack_side(chunk, info)
    return side + _pack_runs(gather(chunk, info), info, mode, tables)


def unpack(
    payload: bytes, num_frames: int, info: StreamInfo, mode: int, tables: FrequencyTables | None = None
) -> ChunkCodes:
    """Inverse of `pack` for a chunk of `num_frames`: whatever it returns packs to `payload` again.

    Raises `CorruptStream` for bytes that `pack` cannot have made, else as `pack`.
    """
    reader = BitReader(payload)
    side = read_side(reader, num_frames, info)
    runs = _unpack_runs(reader.rest(), lengths(side.depths, num_frames, info), info, mode, tables)
    codes = scatter(runs, side.depths, num_frames, info)
    return ChunkCodes(num_frames, side.angles, side.gains, side.depths, codes)


def unpack_side(payload: bytes, num_frames: int, info: StreamInfo) -> Side:
    """Angles, gains and depths alone: the same in every mode, without tables. Raises `CorruptStream`."""
    return read_side(BitReader(payload), num_frames, info)


def pack_smallest(
    chunk: ChunkCodes, info: StreamInfo, tables: FrequencyTables | None = None
) -> tuple[Mode, bytes]:
    """`chunk` in the mode that makes it smallest, `packed` on ties; without `tables` always `packed`."""
    modes = [Mode.PACKED] if tables is None else [Mode.PACKED, Mode.STATIC]
    side, runs = pack_side(chunk, info), gather(chunk, info)
    payloads = {mode: side + _pack_runs(runs, info, mode, tables) for mode in modes}
    smallest = min(modes, key=lambda mode: len(payloads[mode]))
    return smallest, payloads[smallest]


def payload_bits(
    payload: bytes, num_frames: int, info: StreamInfo, mode: int, tables: FrequencyTables | None = None
) -> PayloadBits:
    """How the bits of a payload divide into side section and planes. Raises as `unpack`."""
    reader = BitReader(payload)
    side = read_side(reader, num_frames, info)
    tokens = reader.rest()
    sizes = info.codec.codebook_sizes
    counts = lengths(side.depths, num_frames, info)
    runs = _unpack_runs(tokens, counts, info, mode, tables)
    planes = np.zeros(len(sizes))
    for index, run in enumerate(runs):
        plane = index % len(sizes)
        if mode == Mode.PACKED:
            planes[plane] += packed.run_bits(run.size, sizes[plane])
        else:
            planes[plane] += tables.cost_bits(plane)[run].sum()
    coder = 8 * len(tokens) - planes.sum()
    return PayloadBits(8 * (len(payload) - len(tokens)), tuple(planes.tolist()), float(coder))


def _pack_runs(
    runs: list[np.ndarray], info: StreamInfo, mode: int, tables: FrequencyTables | None
) -> bytes:
    if mode == Mode.PACKED:
        return packed.pack_runs(runs, info.codec.codebook_sizes)
    if mode == Mode.STATIC:
        return static.pack_runs(runs, info.codec.codebook_sizes, tables)
    raise _unsupported(mode)


def _unpack_runs(
    data: bytes, counts: list[int], info: StreamInfo, mode: int, tables: FrequencyTables | None
) -> list[np.ndarray]:
    if mode == Mode.PACKED:
        return packed.unpack_runs(data, counts, info.codec.codebook_sizes)
    if mode == Mode.STATIC:
        return static.unpack_runs(data, counts, info.codec.codebook_sizes, tables)
    raise _unsupported(mode)


def _unsupported(mode: int) -> UnsupportedStream:
    return UnsupportedStream(f"entropy mode {mode:d} is unknown to this version of nac: try a newer one")
