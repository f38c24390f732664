"""wav -> normalised segments -> codes of every plane, chunk by chunk in bounded memory.

Each stage is a generator over chunks with a little delay, so that a step may look ahead:

    blocks -> chunks at the codec's rate -> rotated pairs -> level nodes and unit level -> codes

The encoder sees real signal around each chunk (`Surroundings`), so the codes are those of one run over the whole, but
for recurrent networks, which start anew a few seconds before each chunk. Models that take sound at its natural level
get it so; those of two channels get pairs as they are, unrotated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from nac_cli.audio import DECIBEL_OFFSET, LevelMeter, Resampler, angle_ramp, gain_curve, principal_angle, rotate
from nac_cli.parallel import ahead
from nac_cli.pipelines.chain import inference
from nac_cli.pipelines.chain.held import HeldSamples
from nac_cli.pipelines.chain.inference import Network
from nac_cli.pipelines.chain.layered import Layered
from nac_cli.pipelines.chain.lookahead import with_next
from nac_cli.pipelines.chain.surroundings import Surroundings
from nac_cli.pipelines.chain.voices import Voices, pair_starts
from nac_cli.values import Framing, StreamInfo

SILENCE = 1e-5
"""Steps whose samples all stay below this (-100 dBFS) are coded as silence: no planes."""
PAIR_GAIN = 3
"""Decibels by which principal and residual are lowered for models that take sound at its natural level."""


@dataclass(frozen=True)
class Stretch:
    """A chunk on its way: `samples` float32 `[C, L]` at the codec's rate, L a multiple of the hop."""

    samples: np.ndarray


@dataclass(frozen=True)
class Rotated(Stretch):
    """A chunk whose pairs are turned by `angles` (see `ChunkCodes`)."""

    angles: np.ndarray


@dataclass(frozen=True)
class Levelled(Rotated):
    """A chunk as the model takes it: `gains` are taken off (see `ChunkCodes`), `levels` are as in `Layered`, `silent`
    `[C, S]` are the steps that get no planes."""

    gains: np.ndarray
    levels: np.ndarray
    silent: np.ndarray


def analyse(
    blocks: Iterable[np.ndarray], info: StreamInfo, model: Network, held: HeldSamples | None = None
) -> Iterator[Layered]:
    """Source blocks `[C, T]` -> analysed chunks in order. What the model is given is put away in `held`."""
    model = model.chunked()
    voices = Voices.of(info.groups, model.channels)
    turned = rotate_pairs(cut(blocks, info), info.groups, still=model.channels > 1)
    fixed = None if model.unit_level else natural_gains(info.groups, rotated=model.channels == 1)[voices.carriers]
    levelled = level(turned, info.framing, info.codec.hop_length, voices, fixed)
    if held is not None:
        levelled = _held(levelled, held)
    return encode(levelled, info.framing, model, voices)


def _held(chunks: Iterable[Levelled], held: HeldSamples) -> Iterator[Levelled]:
    for chunk in chunks:
        held.append(chunk.samples)
        yield chunk


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


def rotate_pairs(chunks: Iterable[Stretch], groups: tuple[int, ...], still: bool = False) -> Iterator[Rotated]:
    """Turn each pair into principal and residual. The angle at a boundary is that of both chunks around it. Where pairs
    are to stay `still`, as they are, all angles are 0."""
    firsts = pair_starts(groups)
    if still:
        yield from (Rotated(chunk.samples, np.zeros((len(firsts), 2), np.int64)) for chunk in chunks)
        return
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
        yield Rotated(samples, angles)
        start = stop


def natural_gains(groups: tuple[int, ...], rotated: bool) -> np.ndarray:
    """Nodes `[C]` for sound at its natural level: 0 dB, and 3 dB in rotated pairs, whose principal channel is up
    to that much louder than left and right. Networks that end in a tanh have no room for it."""
    return np.array([DECIBEL_OFFSET + PAIR_GAIN * (rotated and size == 2) for size in groups for _ in range(size)])


def level(
    chunks: Iterable[Rotated],
    framing: Framing,
    hop_length: int,
    voices: Voices | None = None,
    fixed: np.ndarray | None = None,
) -> Iterator[Levelled]:
    """Find the level nodes of each voice (by default of each channel) and divide by them, so that the model sees about
    unit RMS, or by those that are `fixed` `[V]`. Channels that carry no codes have gains of 0 dB."""
    spacing = framing.node_frames * hop_length
    meter: LevelMeter | None = None
    nodes: np.ndarray | None = None
    first_node, waiting = 0, []

    def finished(chunk: Rotated, nodes: np.ndarray, voices: Voices) -> Levelled:
        length = chunk.samples.shape[1]
        levels = nodes[:, first_node : first_node + framing.nodes(length // hop_length)]
        gains = levels if fixed is None else np.repeat(fixed[:, None], levels.shape[1], axis=1)
        curves = np.stack([gain_curve(voice, spacing, 0, length) for voice in gains])[voices.of_channels]
        silent = _silent_steps(voices.gather(chunk.samples), framing.step_frames * hop_length)
        return Levelled(
            chunk.samples / curves,
            chunk.angles,
            voices.spread(gains, DECIBEL_OFFSET),
            levels[voices.of_channels],
            voices.spread(silent, True),
        )

    for chunk in chunks:
        voices = voices or Voices.of((1,) * len(chunk.samples), 1)
        meter = meter or LevelMeter(len(voices.inputs), spacing)
        new = meter.push(_together(voices.gather(chunk.samples)))
        nodes = new if nodes is None else np.concatenate((nodes, new), axis=1)
        waiting.append(chunk)
        while waiting and nodes.shape[1] - first_node >= framing.nodes(waiting[0].samples.shape[1] // hop_length):
            yield finished(waiting.pop(0), nodes, voices)
            first_node += framing.chunk_frames // framing.node_frames
    if meter is None or nodes is None or voices is None:
        return  # there was no chunk
    nodes = np.concatenate((nodes, meter.finish()), axis=1)
    while waiting:
        yield finished(waiting.pop(0), nodes, voices)
        first_node += framing.chunk_frames // framing.node_frames


def _together(samples: np.ndarray) -> np.ndarray:
    """A signal with the joint level of each voice's channels (their RMS, sample by sample): `[V, M, L]` -> `[V, L]`."""
    return samples[:, 0] if samples.shape[1] == 1 else np.sqrt(np.square(samples).mean(axis=1))


def _silent_steps(samples: np.ndarray, step: int) -> np.ndarray:
    """`[V, M, L]` -> boolean `[V, S]`."""
    padded = np.pad(np.abs(samples), ((0, 0), (0, 0), (0, -samples.shape[2] % step)))
    return padded.reshape(*samples.shape[:2], -1, step).max(axis=(1, 3)) < SILENCE


def encode(chunks: Iterable[Levelled], framing: Framing, model: Network, voices: Voices) -> Iterator[Layered]:
    """Codes and distortion of each chunk, its voices as one batch, with the neighbours' samples as context."""
    around = Surroundings.of(model, "encoder", framing.chunk_frames)

    def encoded(item: tuple[Levelled, np.ndarray, tuple[int, int, int]]) -> Layered:
        chunk, wav, frames = item
        codes, lost = _encoded(voices.gather(wav), around.pieces(*frames), model)
        distortion = np.add.reduceat(lost, np.arange(0, frames[0], framing.step_frames), axis=2)
        available = np.where(chunk.silent, 0, np.full((len(wav), 1), len(codes)))
        return Layered(
            frames[0],
            chunk.angles,
            chunk.gains,
            tuple(voices.spread(plane, 0) for plane in codes),
            available,
            voices.spread(distortion, 0),
            chunk.levels,
        )

    surrounded = _surrounded(chunks, around, model.spec.hop_length)
    return ahead(encoded, surrounded, inference.chunks_ahead(model, len(voices.inputs)), "network")


def _surrounded(
    chunks: Iterable[Levelled], around: Surroundings, hop: int
) -> Iterator[tuple[Levelled, np.ndarray, tuple[int, int, int]]]:
    """Each chunk, its samples with those around it `[C, L]`, and how many frames it has and are before and after it."""
    before = None
    for chunk, following in with_next(chunks):
        channels, length = chunk.samples.shape
        nothing = np.zeros((channels, 0), np.float32)
        before = nothing if before is None else before
        after = nothing if following is None else following.samples[:, : around.after * hop]
        wav = np.concatenate((before, chunk.samples, after), axis=1, dtype=np.float32)
        yield chunk, wav, (length // hop, before.shape[1] // hop, after.shape[1] // hop)
        before = np.concatenate((before, chunk.samples), axis=1)
        before = before[:, max(before.shape[1] - around.before * hop, 0) :]


def _encoded(
    wav: np.ndarray, pieces: Iterable[tuple[int, int, int, int]], model: Network
) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Codes uint16 `[V, F_k]` and distortion `[V, K + 1, F]` of the frames of all `pieces` of `wav` `[V, M, L]`."""
    hop, strides = model.spec.hop_length, model.spec.strides
    codes, lost = [], []
    for first, last, start, stop in pieces:
        planes, distortion = inference.encode(model, wav[..., first * hop : last * hop])
        codes.append([
            plane[:, (start - first) // stride : -(-(stop - first) // stride)].astype(np.uint16)
            for plane, stride in zip(planes, strides, strict=True)
        ])  # fmt: skip
        lost.append(distortion[..., start - first : stop - first])
    return tuple(np.concatenate(planes, axis=1) for planes in zip(*codes)), np.concatenate(lost, axis=2)
