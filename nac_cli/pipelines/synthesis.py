"""codes -> wav, chunk by chunk: the stages of `analysis` backwards.

Each chunk is decoded with its neighbours' codes around it (`decode_context`), so that nothing is heard of the
boundaries. A missing chunk is silence of its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch

from nac_cli.audio import angle_ramp, gain_curve, unrotate
from nac_cli.models.codec import Codec
from nac_cli.pipelines.decoding import Missing
from nac_cli.pipelines.stages import device_of, pair_starts, whole_context, with_next
from nac_cli.values import ABSENT, ChunkCodes, StreamInfo

Part = ChunkCodes | Missing | None
"""A chunk, a lost one, or None beyond the stream's ends."""


def synthesise(chunks: Iterable[ChunkCodes | Missing], info: StreamInfo, model: Codec) -> Iterator[np.ndarray]:
    """Chunks in order -> samples float32 `[C, num_frames * hop_length]` at the codec's rate."""
    before = None
    for chunk, after in with_next(chunks):
        if isinstance(chunk, Missing):
            yield np.zeros((info.channels, chunk.num_frames * info.codec.hop_length), np.float32)
        else:
            wav = _decode(before, chunk, after, info, model) * _gate(before, chunk, after, info)
            yield unrotate_pairs(_scaled(wav, chunk, info), chunk.angles, info.groups)
        before = chunk


def unrotate_pairs(wav: np.ndarray, angles: np.ndarray, groups: tuple[int, ...]) -> np.ndarray:
    """Principal and residual back to left and right, over a whole chunk: the inverse of `analysis.rotate_pairs`."""
    length = wav.shape[1]
    for first, (begin, end) in zip(pair_starts(groups), angles.tolist(), strict=True):
        wav[first : first + 2] = unrotate(wav[first : first + 2], angle_ramp(begin, end, 0, length, length))
    return wav


def _decode(before: Part, chunk: ChunkCodes, after: Part, info: StreamInfo, model: Codec) -> np.ndarray:
    """The model's sound of a chunk, `[C, L]`, with real codes around it."""
    context = whole_context(model.decode_context, info.codec.strides)
    left = min(context, _length(before))
    parts = [
        (before, _length(before) - left, _length(before)), (chunk, 0, chunk.num_frames),
        (after, 0, min(context, _length(after))),
    ]
    planes = tuple(
        torch.from_numpy(np.concatenate([_plane(plane, *part, info) for part in parts], axis=1)).to(device_of(model))
        for plane in range(info.codec.num_codebooks)
    )
    first, length = left * info.codec.hop_length, chunk.num_frames * info.codec.hop_length
    with torch.inference_mode():
        return model.decode(planes)[:, 0, first : first + length].cpu().numpy()


def _plane(plane: int, part: Part, start: int, stop: int, info: StreamInfo) -> np.ndarray:
    """Codes int64 `[C, F_k]` of one plane for frames [start, stop) of a part; all ABSENT where it is lost."""
    stride = info.codec.strides[plane]
    if isinstance(part, ChunkCodes):
        codes = [channel[plane][start // stride : -(-stop // stride)] for channel in part.codes]
        return np.stack(codes).astype(np.int64)
    return np.full((info.channels, -(-(stop - start) // stride)), ABSENT, np.int64)


def _scaled(wav: np.ndarray, chunk: ChunkCodes, info: StreamInfo) -> np.ndarray:
    """The level put back on."""
    spacing = info.framing.node_frames * info.codec.hop_length
    return wav * np.stack([gain_curve(nodes, spacing, 0, wav.shape[1]) for nodes in chunk.gains])


def _gate(before: Part, chunk: ChunkCodes, after: Part, info: StreamInfo) -> np.ndarray:
    """Factor `[C, L]` that makes depth 0 silence: 0 on frames without planes, 1 on the others, a straight ramp over
    the frame beside a change. At a boundary between frames it is 1 where both have planes; the stream's ends count
    as a continuation."""
    hop = info.codec.hop_length
    sounding = np.repeat(chunk.depths > 0, info.framing.step_frames, axis=1)[:, : chunk.num_frames]
    left = sounding[:, :1] if before is None else _sounding_at(before, -1, info.channels)
    right = sounding[:, -1:] if after is None else _sounding_at(after, 0, info.channels)
    extended = np.concatenate((left, sounding, right), axis=1)
    if extended.all():
        return np.ones((1, 1), np.float32)
    edges = (extended[:, :-1] & extended[:, 1:]).astype(np.float32)
    rise = ((np.arange(hop) + 0.5) / hop).astype(np.float32)
    frames = edges[:, :-1, None] * (1 - rise) + edges[:, 1:, None] * rise
    return frames.reshape(info.channels, -1)


def _sounding_at(part: ChunkCodes | Missing, step: int, channels: int) -> np.ndarray:
    """Whether a part has planes in a step, bool `[C, 1]`."""
    if isinstance(part, Missing):
        return np.zeros((channels, 1), bool)
    return part.depths[:, step, None] > 0


def _length(part: Part) -> int:
    return 0 if part is None else part.num_frames
