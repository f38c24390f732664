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
from nac_cli.pipelines.stages import with_next
from nac_cli.values import ABSENT, ChunkCodes, Framing, StreamInfo


def synthesise(chunks: Iterable[ChunkCodes | Missing], info: StreamInfo, model: Codec) -> Iterator[np.ndarray]:
    """Chunks in order -> samples float32 `[C, num_frames * hop_length]` at the codec's rate."""
    before = None
    for chunk, after in with_next(chunks):
        if isinstance(chunk, Missing):
            yield np.zeros((info.channels, chunk.num_frames * info.codec.hop_length), np.float32)
        else:
            yield _decode(before, chunk, after, info, model)
        before = chunk


def _decode(before, chunk: ChunkCodes, after, info: StreamInfo, model: Codec) -> np.ndarray:
    hop, framing = info.codec.hop_length, info.framing
    whole = max(info.codec.strides)
    context = -(-model.decode_context // whole) * whole
    neighbours = [before, chunk, after]
    spans = [(_length(before) - min(context, _length(before)), _length(before)), (0, chunk.num_frames),
             (0, min(context, _length(after)))]
    spans[0] = (spans[0][0] // whole * whole, spans[0][1])
    planes = tuple(
        torch.from_numpy(
            np.concatenate([_plane(part, k, info, *span) for part, span in zip(neighbours, spans, strict=True)], axis=1)
        ).to(next(model.parameters()).device)
        for k in range(info.codec.num_codebooks)
    )
    first = (spans[0][1] - spans[0][0]) * hop
    with torch.inference_mode():
        wav = model.decode(planes)[:, 0, first : first + chunk.num_frames * hop].cpu().numpy()
    wav = wav * _gate(before, chunk, after, framing, hop)
    spacing = framing.node_frames * hop
    for channel, nodes in zip(wav, chunk.gains, strict=True):
        channel *= gain_curve(nodes, spacing, 0, wav.shape[1])
    return _unrotate_pairs(wav, chunk.angles, info.groups)


def _unrotate_pairs(wav: np.ndarray, angles: np.ndarray, groups: tuple[int, ...]) -> np.ndarray:
    firsts = [sum(groups[:i]) for i, size in enumerate(groups) if size == 2]
    length = wav.shape[1]
    for first, (begin, end) in zip(firsts, angles, strict=True):
        wav[first : first + 2] = unrotate(wav[first : first + 2], angle_ramp(int(begin), int(end), 0, length, length))
    return wav


def _plane(part, plane: int, info: StreamInfo, start: int, stop: int) -> np.ndarray:
    """Codes int64 `[C, F_k]` of one plane for frames [start, stop) of a chunk, ABSENT throughout a missing one."""
    stride = info.codec.strides[plane]
    if isinstance(part, ChunkCodes):
        codes = [channel[plane][start // stride : -(-stop // stride)] for channel in part.codes]
        return np.stack(codes).astype(np.int64)
    return np.full((info.channels, -(-(stop - start) // stride)), ABSENT, np.int64)


def _gate(before, chunk: ChunkCodes, after, framing: Framing, hop_length: int) -> np.ndarray:
    """Factor `[C, L]` that makes depth 0 silence: 0 on frames without planes, 1 on the others, and a straight ramp
    over the frame beside a change. At a boundary between frames it is 1 where both have planes; the stream's ends
    count as a continuation."""
    sounding = np.repeat(chunk.depths > 0, framing.step_frames, axis=1)[:, : chunk.num_frames]
    if sounding.all() and all(_edge(part, index).all() for part, index in ((before, -1), (after, 0)) if part is not None):
        return np.ones((1, 1), np.float32)
    left = sounding[:, :1] if before is None else _edge(before, -1, len(sounding))
    right = sounding[:, -1:] if after is None else _edge(after, 0, len(sounding))
    extended = np.concatenate((left, sounding, right), axis=1)
    edges = (extended[:, :-1] & extended[:, 1:]).astype(np.float32)
    ramp = ((np.arange(hop_length) + 0.5) / hop_length).astype(np.float32)
    frames = edges[:, :-1, None] * (1 - ramp) + edges[:, 1:, None] * ramp
    return frames.reshape(len(sounding), -1)


def _edge(part, index: int, channels: int = 1) -> np.ndarray:
    """Whether a neighbour's frame beside the boundary has planes, bool `[C, 1]`."""
    if isinstance(part, ChunkCodes):
        return part.depths[:, index, None] > 0
    return np.zeros((channels, 1), bool)


def _length(part) -> int:
    return 0 if part is None else part.num_frames
