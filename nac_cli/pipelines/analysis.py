"""wav -> normalised segments -> codes of every plane, chunk by chunk in bounded memory.

Each stage is a generator over chunks with a little delay, so that a step may look ahead:

    blocks -> chunks at the codec's rate -> rotated pairs -> level nodes and unit level -> codes

The encoder sees real signal around each chunk (`encode_context`), so the codes are those of one run over the whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from nac_cli.audio import LevelMeter, Resampler, angle_ramp, gain_curve, principal_angle, rotate
from nac_cli.models.codec import Codec
from nac_cli.pipelines.layered import Layered
from nac_cli.pipelines.stages import device_of, pair_starts, whole_context, with_next
from nac_cli.values import Framing, StreamInfo

SILENCE = 1e-5
"""Steps whose samples all stay below this (-100 dBFS) are coded as silence: no planes."""


@dataclass(frozen=True)
class Stretch:
    """A chunk on its way: `samples` float32 `[C, L]` at the codec's rate, L a multiple of the hop, and the integers
    found so far (see `ChunkCodes`)."""

    samples: np.ndarray
    angles: np.ndarray | None = None
    gains: np.ndarray | None = None
    silent: np.ndarray | None = None


def analyse(blocks: Iterable[np.ndarray], info: StreamInfo, model: Codec) -> Iterator[Layered]:
    """Source blocks `[C, T]` -> analysed chunks in order."""
    hop = info.codec.hop_length
    chunks = cut(blocks, info)
    levelled = level(rotate_pairs(chunks, info.groups), info.framing, hop)
    return encode(levelled, info.framing, model)


def cut(blocks: Iterable[np.ndarray], info: StreamInfo) -> Iterator[Stretch]:
    """Resample to the codec's rate and cut into chunks; the last is shorter and padded with zeros to a whole frame."""
    resampler = Resampler(info.channels, info.sample_rate, info.codec.sample_rate)
    size = info.framing.chunk_frames * info.codec.hop_length
    held, held_samples = [], 0
    for block in _resampled(blocks, resampler):
        held.append(block)
        held_samples += block.shape[1]
        if held_samples >= size:
            joined = np.concatenate(held, axis=1)
            whole = held_samples // size * size
            for start in range(0, whole, size):
                yield Stretch(joined[:, start : start + size])
            held, held_samples = [joined[:, whole:]], held_samples - whole
    if held_samples:
        joined = np.concatenate(held, axis=1)
        yield Stretch(np.pad(joined, ((0, 0), (0, -held_samples % info.codec.hop_length))))


def _resampled(blocks: Iterable[np.ndarray], resampler: Resampler) -> Iterator[np.ndarray]:
    for block in blocks:
        yield resampler.push(block)
    yield resampler.finish()


def rotate_pairs(chunks: Iterable[Stretch], groups: tuple[int, ...]) -> Iterator[Stretch]:
    """Turn each pair into principal and residual. The angle at a boundary is that of both chunks around it."""
    firsts = pair_starts(groups)
    start = None
    for chunk, following in with_next(chunks):
        around = chunk.samples if following is None else np.concatenate((chunk.samples, following.samples), axis=1)
        if start is None:
            start = [principal_angle(chunk.samples[first : first + 2], None) for first in firsts]
        stop = [principal_angle(around[first : first + 2], angle) for first, angle in zip(firsts, start, strict=True)]
        samples, length = chunk.samples.copy(), chunk.samples.shape[1]
        for first, begin, end in zip(firsts, start, stop, strict=True):
            ramp = angle_ramp(begin, end, 0, length, length)
            samples[first : first + 2] = rotate(samples[first : first + 2], ramp)
        angles = np.array(list(zip(start, stop, strict=True)), dtype=np.int64).reshape(-1, 2)
        yield Stretch(samples, angles)
        start = stop


def level(chunks: Iterable[Stretch], framing: Framing, hop_length: int) -> Iterator[Stretch]:
    """Find the level nodes and divide by them, so that the model sees about unit RMS."""
    spacing = framing.node_frames * hop_length
    meter, nodes, first_node, waiting = None, None, 0, []

    def finished(chunk: Stretch) -> Stretch:
        count = framing.nodes(chunk.samples.shape[1] // hop_length)
        gains = nodes[:, first_node : first_node + count]
        curves = [gain_curve(channel, spacing, 0, chunk.samples.shape[1]) for channel in gains]
        silent = _silent_steps(chunk.samples, framing.step_frames * hop_length)
        return Stretch(chunk.samples / np.stack(curves), chunk.angles, gains, silent)

    for chunk in chunks:
        meter = meter or LevelMeter(len(chunk.samples), spacing)
        new = meter.push(chunk.samples)
        nodes = new if nodes is None else np.concatenate((nodes, new), axis=1)
        waiting.append(chunk)
        while waiting and nodes.shape[1] - first_node >= framing.nodes(waiting[0].samples.shape[1] // hop_length):
            yield finished(waiting.pop(0))
            first_node += framing.chunk_frames // framing.node_frames
    if meter is not None:
        nodes = np.concatenate((nodes, meter.finish()), axis=1)
    while waiting:
        yield finished(waiting.pop(0))
        first_node += framing.chunk_frames // framing.node_frames


def _silent_steps(samples: np.ndarray, step: int) -> np.ndarray:
    """Boolean `[C, S]`."""
    padded = np.pad(np.abs(samples), ((0, 0), (0, -samples.shape[1] % step)))
    return padded.reshape(len(samples), -1, step).max(axis=2) < SILENCE


def encode(chunks: Iterable[Stretch], framing: Framing, model: Codec) -> Iterator[Layered]:
    """Codes and distortion of each chunk, the channels as one batch, with the neighbours' samples as context."""
    hop = model.spec.hop_length
    strides = model.spec.strides
    context = whole_context(model.encode_context, strides) * hop
    before = np.zeros((0, 0), np.float32)
    for chunk, following in with_next(chunks):
        channels, length = chunk.samples.shape
        before = before.reshape(channels, -1)
        after = np.zeros((channels, 0), np.float32) if following is None else following.samples[:, :context]
        wav = np.concatenate((before, chunk.samples, after), axis=1, dtype=np.float32)
        with torch.inference_mode():
            encoded = model.encode(torch.from_numpy(wav).unsqueeze(1).to(device_of(model)))
        first, count = before.shape[1] // hop, length // hop
        codes = tuple(
            plane[:, first // stride : -(-(first + count) // stride)].cpu().numpy().astype(np.uint16)
            for plane, stride in zip(encoded.codes, strides, strict=True)
        )
        lost = encoded.distortion[..., first : first + count].cpu().numpy()
        starts = np.arange(0, count, framing.step_frames)
        distortion = np.add.reduceat(lost, starts, axis=2)
        available = np.where(chunk.silent, 0, len(codes))
        yield Layered(count, chunk.angles, chunk.gains, codes, available, distortion)
        before = np.concatenate((before, chunk.samples), axis=1)[:, -context:]
