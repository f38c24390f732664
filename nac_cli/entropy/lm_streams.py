"""Token section of mode `lm`: a stream for each coded channel, by the tables of a language model.

    for each channel but the last: words of its stream, varint | the streams, in order; the last takes the rest

A word has 32 bits; a channel without codes has no words. The language model starts anew in each stream, so that
all channels of all chunks are decoded at the same time. It sees codes aligned with frames: code j of plane k
stands at frame j * strides[k], and a frame has the depth of its step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from nac_cli.entropy.coder import WORD
from nac_cli.errors import CorruptStream, ModelError
from nac_cli.values import ABSENT, ChunkCodes, CodecSpec, Framing, StreamInfo
from nac_cli.varint import pack_varint, read_varint

if TYPE_CHECKING:
    from nac_cli.entropy.lm import Intervals, LanguageModel

Planes = tuple[tuple[np.ndarray, ...], ...]
"""`codes[c][k]` `[F_k]`, as in `ChunkCodes`."""
MEASURED_AT_ONCE = 512
"""Streams whose intervals are held at a time: twenty minutes of mono, some 100 MB."""
VARINT_BYTES = 4
"""A payload has less than 2^24 bytes."""


def require_fit(lm: LanguageModel | None, codec: CodecSpec) -> LanguageModel:
    """`lm`, if it is one for the codes of `codec`. Raises `ModelError`."""
    if lm is None:
        raise ModelError("the mode lm needs a language model, and none is at hand")
    sizes, strides = lm.config.codebook_sizes, lm.config.strides
    if (sizes, strides) != (codec.codebook_sizes, codec.strides):
        raise ModelError(
            f"the language model {lm.model_id.hex()} is for codebooks of {sizes} codes with strides {strides}, "
            f"{codec.name} has {codec.codebook_sizes} with {codec.strides}"
        )
    return lm


def measure(chunks: Sequence[ChunkCodes], info: StreamInfo, lm: LanguageModel | None) -> Iterator[list[Intervals]]:
    """For each chunk the intervals of its channels. Raises `ModelError` if `lm` does not fit the codec."""
    lm, at_once = require_fit(lm, info.codec), max(MEASURED_AT_ONCE // info.channels, 1)
    for first in range(0, len(chunks), at_once):
        batch = [channel for chunk in chunks[first : first + at_once] for channel in align(chunk, info)]
        measured = lm.measure(batch)
        yield from (measured[at : at + info.channels] for at in range(0, len(measured), info.channels))


def pack_streams(chunks: Sequence[ChunkCodes], info: StreamInfo, lm: LanguageModel | None) -> list[bytes]:
    """The token section of each chunk. Raises as `measure`."""
    return [join([channel.encode() for channel in channels]) for channels in measure(chunks, info, lm)]


def unpack_streams(
    sections: Sequence[bytes],
    depths: Sequence[np.ndarray],
    frames: Sequence[int],
    info: StreamInfo,
    lm: LanguageModel | None,
) -> list[Planes | CorruptStream]:
    """Inverse of `pack_streams`, for chunks with `depths[i]` `[C, S]` and `frames[i]` frames.

    A section that is not the one of any codes gives a `CorruptStream` in its place. Raises `ModelError`.
    """
    lm = require_fit(lm, info.codec)
    results: list[Planes | CorruptStream] = []
    streams, stream_depths = [], []
    for section, chunk_depths, num_frames in zip(sections, depths, frames, strict=True):
        try:
            streams += split(section, info.channels)
            stream_depths += [depths_of_frames(channel, num_frames, info.framing) for channel in chunk_depths]
            results.append(())
        except CorruptStream as error:
            results.append(error)
    decoded = iter(_decode(streams, stream_depths, lm))
    for position, result in enumerate(results):
        if not isinstance(result, CorruptStream):
            results[position] = _unalign([next(decoded) for _ in range(info.channels)], info)
    return results


def streams_ahead(
    section: bytes, depths: np.ndarray, num_frames: int, info: StreamInfo
) -> list[tuple[bytes, np.ndarray]]:
    """The streams of a section that have codes, with the depths of their frames: what `unpack_streams` will have
    decoded. None of a section that is not one."""
    try:
        streams = split(section, info.channels)
    except CorruptStream:
        return []
    of_frames = [depths_of_frames(channel, num_frames, info.framing) for channel in depths]
    return [(stream, one) for stream, one in zip(streams, of_frames, strict=True) if one.any()]


def _decode(streams: list[bytes], depths: list[np.ndarray], lm: LanguageModel) -> list[np.ndarray | CorruptStream]:
    """`lm.decode`, which takes its time for frames without codes too, of those streams only that have codes."""
    results: list[np.ndarray | CorruptStream] = []
    for stream, one in zip(streams, depths, strict=True):
        silence = np.full((lm.config.planes, one.size), ABSENT, np.int32)
        results.append(CorruptStream("there are words, but no codes") if stream else silence)
    sounding = [position for position, one in enumerate(depths) if one.any()]
    decoded = lm.decode([streams[position] for position in sounding], [depths[position] for position in sounding])
    for position, codes in zip(sounding, decoded, strict=True):
        results[position] = codes
    return results


def align(chunk: ChunkCodes, info: StreamInfo) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each channel its codes, int32 `[K, F]`, and depths, int64 `[F]`."""
    aligned = []
    for planes, depths in zip(chunk.codes, chunk.depths, strict=True):
        codes = np.full((len(planes), chunk.num_frames), ABSENT, np.int32)
        for row, plane, stride in zip(codes, planes, info.codec.strides, strict=True):
            row[::stride] = plane
        aligned.append((codes, depths_of_frames(depths, chunk.num_frames, info.framing)))
    return aligned


def depths_of_frames(depths: np.ndarray, num_frames: int, framing: Framing) -> np.ndarray:
    """Depth of each frame, int64 `[F]`, from those of the steps, `[S]`."""
    return np.repeat(depths.astype(np.int64), framing.step_frames)[:num_frames]


def join(streams: Sequence[bytes]) -> bytes:
    lengths = [pack_varint(len(stream) // WORD.itemsize) for stream in streams[:-1]]
    return b"".join([*lengths, *streams])


def split(section: bytes, count: int) -> list[bytes]:
    """Inverse of `join`, for `count` streams. Raises `CorruptStream`."""
    position, lengths = 0, []
    for channel in range(count - 1):
        try:
            words, position = read_varint(section, position, VARINT_BYTES)
        except (EOFError, ValueError) as error:
            reason = f"the length of the stream of channel {channel} is no varint in its shortest form"
            raise CorruptStream(reason) from error
        lengths.append(words * WORD.itemsize)
    left = len(section) - position - sum(lengths)
    if left < 0:
        raise CorruptStream(f"the channels' streams claim {-left} bytes more than there are")
    if left % WORD.itemsize:
        raise CorruptStream(f"{left} bytes are left to the last channel, no whole number of 32-bit words")
    streams = []
    for length in [*lengths, left]:
        streams.append(section[position : position + length])
        position += length
    return streams


def _unalign(channels: list[np.ndarray | CorruptStream], info: StreamInfo) -> Planes | CorruptStream:
    codes, strides = [], info.codec.strides
    for number, channel in enumerate(channels):
        if isinstance(channel, CorruptStream):
            return CorruptStream(f"channel {number}: {channel}")
        codes.append(tuple(np.ascontiguousarray(plane[::stride]) for plane, stride in zip(channel, strides)))
    return tuple(codes)
