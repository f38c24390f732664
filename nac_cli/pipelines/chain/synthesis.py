"""codes -> wav, chunk by chunk: the stages of `analysis` backwards.

Each chunk is decoded with its neighbours' codes around it (`Surroundings`), so that nothing is heard of the
boundaries. A missing chunk is silence of its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nac_cli.audio import angle_ramp, gain_curve, unrotate
from nac_cli.parallel import ahead
from nac_cli.pipelines.chain import inference
from nac_cli.pipelines.chain.detail import with_layers
from nac_cli.pipelines.chain.inference import Network
from nac_cli.pipelines.chain.lookahead import with_neighbours
from nac_cli.pipelines.chain.surroundings import Surroundings
from nac_cli.pipelines.chain.unpacking import Missing
from nac_cli.pipelines.chain.voices import Voices, pair_starts
from nac_cli.values import ABSENT, ChunkCodes, StreamInfo

Part = ChunkCodes | Missing | None
"""A chunk, a lost one, or None beyond the stream's ends."""


def synthesise(chunks: Iterable[ChunkCodes | Missing], info: StreamInfo, model: Network) -> Iterator[np.ndarray]:
    """Chunks in order -> samples float32 `[C, num_frames * hop_length]` at the codec's rate."""
    voices = Voices.of(info.groups, model.chunked().channels)
    for chunk, base in base_sounds(chunks, info, model):
        if isinstance(chunk, Missing) or (is_silent(chunk) and not chunk.detail):
            yield base
        else:
            wav = with_layers(base, chunk.detail, info.codec.sample_rate)
            wav = wav * _level(chunk, info, voices)[voices.of_channels]
            yield unrotate_pairs(wav, chunk.angles, info.groups)


def base_sounds(
    chunks: Iterable[ChunkCodes | Missing], info: StreamInfo, model: Network
) -> Iterator[tuple[ChunkCodes | Missing, np.ndarray]]:
    """Each chunk with the sound of its codes, float32 `[C, num_frames * hop_length]`, before its level is put back:
    that which detail is laid over."""
    model = model.chunked()
    voices = Voices.of(info.groups, model.channels)

    def sound(item: tuple[Part, ChunkCodes | Missing, Part]) -> tuple[ChunkCodes | Missing, np.ndarray]:
        before, chunk, after = item
        # silence of any length takes no memory worth speaking of until somebody writes into it
        if isinstance(chunk, Missing) or is_silent(chunk):
            return chunk, np.zeros((info.channels, chunk.num_frames * info.codec.hop_length), np.float32)
        wav = _decode(before, chunk, after, info, model, voices)
        wav *= _gate(before, chunk, after, info, voices)[:, None]
        return chunk, voices.scatter(wav)

    yield from ahead(sound, with_neighbours(chunks), inference.chunks_ahead(model, len(voices.inputs)), "network")


def is_silent(chunk: ChunkCodes) -> bool:
    """Whether nothing is heard of the codes of a chunk, so that no network need run over a length that a few bytes can
    claim."""
    return not chunk.depths.any()


def unrotate_pairs(wav: np.ndarray, angles: np.ndarray, groups: tuple[int, ...]) -> np.ndarray:
    """Principal and residual back to left and right, over a whole chunk: the inverse of `analysis.rotate_pairs`."""
    length = wav.shape[1]
    for first, (begin, end) in zip(pair_starts(groups), angles.tolist(), strict=True):
        wav[first : first + 2] = unrotate(wav[first : first + 2], angle_ramp(begin, end, 0, length, length))
    return wav


def _decode(
    before: Part, chunk: ChunkCodes, after: Part, info: StreamInfo, model: Network, voices: Voices
) -> np.ndarray:
    """The model's sound of a chunk, `[V, M, L]`, with real codes around it."""
    around = Surroundings.of(model, "decoder", info.framing.chunk_frames)
    left, right = min(around.before, _length(before)), min(around.after, _length(after))
    parts = [(before, _length(before) - left, _length(before)), (chunk, 0, chunk.num_frames), (after, 0, right)]
    planes = [
        np.concatenate([_plane(plane, *part, info, voices) for part in parts], axis=1)
        for plane in range(info.codec.num_codebooks)
    ]
    hop, strides, waves = info.codec.hop_length, info.codec.strides, []
    for first, last, start, stop in around.pieces(chunk.num_frames, left, right):
        wav = inference.decode(model, [plane[:, first // s : -(-last // s)] for plane, s in zip(planes, strides)])
        waves.append(wav[..., (start - first) * hop : (stop - first) * hop])
    return np.concatenate(waves, axis=2)


def _plane(plane: int, part: Part, start: int, stop: int, info: StreamInfo, voices: Voices) -> np.ndarray:
    """Codes int64 `[V, F_k]` of one plane for frames [start, stop) of a part; all ABSENT where it is lost."""
    stride = info.codec.strides[plane]
    if isinstance(part, ChunkCodes):
        codes = [part.codes[channel][plane][start // stride : -(-stop // stride)] for channel in voices.carriers]
        return np.stack(codes).astype(np.int64)
    return np.full((len(voices.carriers), -(-(stop - start) // stride)), ABSENT, np.int64)


def _level(chunk: ChunkCodes, info: StreamInfo, voices: Voices) -> np.ndarray:
    """The level to put back on, a factor `[V, L]`."""
    hop = info.codec.hop_length
    spacing, length = info.framing.node_frames * hop, chunk.num_frames * hop
    return np.stack([gain_curve(nodes, spacing, 0, length) for nodes in chunk.gains[voices.carriers]])


def _gate(before: Part, chunk: ChunkCodes, after: Part, info: StreamInfo, voices: Voices) -> np.ndarray:
    """Factor `[V, L]` that makes depth 0 silence: 0 on frames without planes, 1 on the others, a straight ramp over
    the frame beside a change. At a boundary between frames it is 1 where both have planes; the stream's ends count
    as a continuation."""
    hop = info.codec.hop_length
    depths = chunk.depths[voices.carriers]
    sounding = np.repeat(depths > 0, info.framing.step_frames, axis=1)[:, : chunk.num_frames]
    left = sounding[:, :1] if before is None else _sounding_at(before, -1, voices)
    right = sounding[:, -1:] if after is None else _sounding_at(after, 0, voices)
    extended = np.concatenate((left, sounding, right), axis=1)
    if extended.all():
        return np.ones((1, 1), np.float32)
    edges = (extended[:, :-1] & extended[:, 1:]).astype(np.float32)
    rise = ((np.arange(hop) + 0.5) / hop).astype(np.float32)
    frames = edges[:, :-1, None] * (1 - rise) + edges[:, 1:, None] * rise
    return frames.reshape(len(voices.carriers), -1)


def _sounding_at(part: ChunkCodes | Missing, step: int, voices: Voices) -> np.ndarray:
    """Whether a part has planes in a step, bool `[V, 1]`."""
    if isinstance(part, Missing):
        return np.zeros((len(voices.carriers), 1), bool)
    return part.depths[voices.carriers, step, None] > 0


def _length(part: Part) -> int:
    return 0 if part is None else part.num_frames
