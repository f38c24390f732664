"""A chunk's payload: the side section, then the token section in one of the entropy modes.

Chunks are packed and unpacked many at a time, since a language model works on many as fast as on one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nac_cli.entropy import lm_streams, packed, static
from nac_cli.entropy.bits import BitReader
from nac_cli.entropy.coders import Coders
from nac_cli.entropy.runs import gather, lengths, scatter
from nac_cli.entropy.side import Side, pack_side, read_side
from nac_cli.errors import CorruptStream, UnsupportedStream
from nac_cli.values import ChunkCodes, Mode, StreamInfo


@dataclass(frozen=True)
class Packed:
    """A `payload`, and what `unpack` must know of it: `num_frames`, and the `mode` of its token section."""

    payload: bytes
    num_frames: int
    mode: int


@dataclass(frozen=True)
class PayloadBits:
    """Where a payload's bits went; the three parts add up to its size.

    `planes[k]` is exact in `packed` mode (padding included) and the information content in the other modes, where
    `coder` is what the range coder adds to it (in `lm` mode the lengths of the streams too).
    """

    side: int
    planes: tuple[float, ...]
    coder: float


def pack(chunk: ChunkCodes, info: StreamInfo, mode: int, coders: Coders = Coders()) -> bytes:
    """Payload of `chunk` in `mode`.

    Raises `NacError` if the chunk does not fit `info`, `ModelError` if the mode's coder is missing or does not
    fit the codec, `UnsupportedStream` for a mode that this version lacks.
    """
    return pack_smallest([chunk], info, coders, [mode])[0][1]


def pack_smallest(
    chunks: Sequence[ChunkCodes], info: StreamInfo, coders: Coders, modes: Sequence[int]
) -> list[tuple[Mode, bytes]]:
    """Each of `chunks` in that of `modes` that makes it smallest, the lowest of equals. Raises as `pack`."""
    sections = {mode: _pack_sections(chunks, info, mode, coders) for mode in sorted(modes)}
    smallest = []
    for position, chunk in enumerate(chunks):
        mode = min(sections, key=lambda mode: len(sections[mode][position]))
        smallest.append((Mode(mode), pack_side(chunk, info) + sections[mode][position]))
    return smallest


def unpack(payload: bytes, num_frames: int, info: StreamInfo, mode: int, coders: Coders = Coders()) -> ChunkCodes:
    """Inverse of `pack` for a chunk of `num_frames`: whatever it returns packs to `payload` again.

    Raises `CorruptStream` for bytes that `pack` cannot have made, else as `pack`.
    """
    result = unpack_each([Packed(payload, num_frames, mode)], info, coders)[0]
    if isinstance(result, CorruptStream):
        raise result
    return result


def unpack_each(chunks: Sequence[Packed], info: StreamInfo, coders: Coders) -> list[ChunkCodes | CorruptStream]:
    """`unpack` of all `chunks`; a `CorruptStream` takes the place of one that `pack` cannot have made."""
    results: dict[int, ChunkCodes | CorruptStream] = {}
    sides: dict[int, Side] = {}
    sections: dict[int, bytes] = {}  # of those in mode lm, which are decoded together
    for position, chunk in enumerate(chunks):
        try:
            side, section = split_payload(chunk.payload, chunk.num_frames, info)
            if chunk.mode == Mode.LM:
                sides[position], sections[position] = side, section
                continue
            runs = _unpack_runs(section, lengths(side.depths, chunk.num_frames, info), info, chunk.mode, coders)
            results[position] = _chunk(side, chunk, scatter(runs, side.depths, chunk.num_frames, info))
        except CorruptStream as error:
            results[position] = error
    if sections:
        depths = [sides[position].depths for position in sections]
        frames = [chunks[position].num_frames for position in sections]
        decoded = lm_streams.unpack_streams(list(sections.values()), depths, frames, info, coders.lm)
        for position, codes in zip(sections, decoded):
            if not isinstance(codes, CorruptStream):
                results[position] = _chunk(sides[position], chunks[position], codes)
            else:
                results[position] = codes
    return [results[position] for position in range(len(chunks))]


def unpack_side(payload: bytes, num_frames: int, info: StreamInfo) -> Side:
    """Angles, gains and depths alone: the same in every mode, without any coder. Raises `CorruptStream`."""
    return split_payload(payload, num_frames, info)[0]


def split_payload(payload: bytes, num_frames: int, info: StreamInfo) -> tuple[Side, bytes]:
    """The side section, read, and the token section as it is. Raises `CorruptStream`."""
    reader = BitReader(payload)
    return read_side(reader, num_frames, info), reader.rest()


def code_counts(depths: np.ndarray, num_frames: int, info: StreamInfo) -> np.ndarray:
    """Codes of each plane, int64 `[K]`, all channels together, in a chunk with `depths` `[C, S]`."""
    counts = np.array(lengths(depths, num_frames, info), np.int64)
    return counts.reshape(-1, info.codec.num_codebooks).sum(axis=0)


def payload_bits(
    payload: bytes, num_frames: int, info: StreamInfo, mode: int, coders: Coders = Coders()
) -> PayloadBits:
    """How the bits of a payload divide into side section and planes. Raises as `unpack`."""
    chunk = unpack(payload, num_frames, info, mode, coders)
    sizes = info.codec.codebook_sizes
    planes = np.zeros(len(sizes))
    if mode == Mode.LM:
        for channel in next(lm_streams.measure([chunk], info, coders.lm)):
            planes += channel.bits().sum(axis=1)
    elif mode == Mode.PACKED:
        for index, run in enumerate(gather(chunk, info)):
            planes[index % len(sizes)] += packed.run_bits(run.size, sizes[index % len(sizes)])
    else:
        tables = static.require_fit(coders.tables, sizes)
        for index, run in enumerate(gather(chunk, info)):
            planes[index % len(sizes)] += tables.cost_bits(index % len(sizes))[run].sum()
    side = 8 * len(pack_side(chunk, info))
    return PayloadBits(side, tuple(planes.tolist()), float(8 * len(payload) - side - planes.sum()))


def _chunk(side: Side, chunk: Packed, codes: tuple[tuple[np.ndarray, ...], ...]) -> ChunkCodes:
    return ChunkCodes(chunk.num_frames, side.angles, side.gains, side.depths, codes)


def _pack_sections(chunks: Sequence[ChunkCodes], info: StreamInfo, mode: int, coders: Coders) -> list[bytes]:
    runs = [gather(chunk, info) for chunk in chunks]
    sizes = info.codec.codebook_sizes
    if mode == Mode.PACKED:
        return [packed.pack_runs(chunk_runs, sizes) for chunk_runs in runs]
    if mode == Mode.STATIC:
        return [static.pack_runs(chunk_runs, sizes, coders.tables) for chunk_runs in runs]
    if mode == Mode.LM:
        return lm_streams.pack_streams(chunks, info, coders.lm)
    raise _unsupported(mode)


def _unpack_runs(data: bytes, counts: list[int], info: StreamInfo, mode: int, coders: Coders) -> list[np.ndarray]:
    if mode == Mode.PACKED:
        return packed.unpack_runs(data, counts, info.codec.codebook_sizes)
    if mode == Mode.STATIC:
        return static.unpack_runs(data, counts, info.codec.codebook_sizes, coders.tables)
    raise _unsupported(mode)


def _unsupported(mode: int) -> UnsupportedStream:
    return UnsupportedStream(f"entropy mode {mode:d} is unknown to this version of nac: try a newer one")
