"""How well a model uses its codebooks: what its codes on real sounds carry, plane by plane."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.cluster.vq import kmeans2

from nac_cli.bench.clips import Clip, read_clip
from nac_cli.errors import UsageError
from nac_cli.models import zoo
from nac_cli.values import CodecSpec, StreamInfo

GROUPS = 32
"""Groups of like codes, between which mutual information is measured: of single codes it would take
millions."""
SHUFFLES = 3
"""How often pairs are shuffled to learn what mutual information is found in codes that have none."""


@dataclass(frozen=True)
class PlaneUse:
    """One plane's codes. Bits are per code; rates in bit/s of one channel.

    `used` is the share of the codebook that occurs at all; `entropy` that of the codes' frequencies,
    `normalised` by log2 of the codebook's size (1: all codes alike; Parker et al. 2024, appendix A.8);
    `huffman` the mean length in a Huffman code; `table` and `language_model` what they cost by the model's
    static tables and by its language model, None where it has none; `before` and `below` what the code of the
    same plane a step before, and the code of the plane below at the same time, tell of a code at least:
    measured between groups of codes with like vectors, less what shuffled codes seem to tell.
    """

    plane: int
    size: int
    count: int
    used: float
    entropy: float
    normalised: float
    huffman: float
    table: float | None
    language_model: float | None
    before: float
    below: float | None
    packed_rate: float
    huffman_rate: float


@dataclass(frozen=True)
class Coded:
    """`streams[clip and channel][plane]` int64 `[F_k]`: the codes of all that is not silent; `groups[plane]`
    int64 `[N]`: which codes are like each other."""

    spec: CodecSpec
    streams: list[list[np.ndarray]]
    groups: list[np.ndarray]


def codes_of(
    clips: Sequence[Clip],
    model: str,
    device: str = "auto",
    threads: int | None = None,
    progress: Callable[[int, int], None] = lambda done, whole: None,
) -> Coded:
    """The codes that a model gives for clips at full depth. Raises ModelError for the model, AudioError for a
    clip."""
    from nac_cli.pipelines.chain.analysis import analyse
    from nac_cli.pipelines.chain.framing import stream_for
    from nac_cli.pipelines.models.opening import open_model

    file = zoo.find(model)
    codec = open_model(file, device, threads)
    streams: list[list[np.ndarray]] = []
    for number, clip in enumerate(clips):
        sound = read_clip(clip.path)
        info = stream_for(codec, sound.sample_rate, sound.channels)
        channels: list[list[list[np.ndarray]]] = [[[] for _ in file.spec.strides] for _ in range(sound.channels)]
        for chunk in analyse([sound.samples], info, codec):
            for channel, (own, available) in enumerate(zip(channels, chunk.available)):
                heard = np.repeat(available > 0, info.framing.step_frames)[: chunk.num_frames]
                for k, stride in enumerate(file.spec.strides):
                    own[k].append(chunk.codes[k][channel].astype(np.int64)[heard[::stride]])
        streams += [[np.concatenate(plane) for plane in own] for own in channels]
        progress(number + 1, len(clips))
    return Coded(file.spec, streams, [like(vectors.cpu().numpy()) for vectors in codec.code_vectors()])


def like(vectors: np.ndarray) -> np.ndarray:
    """GROUPS groups of the codes with `vectors` `[N, D]`, by k-means: int64 `[N]`."""
    if len(vectors) <= GROUPS:
        return np.arange(len(vectors))
    _, groups = kmeans2(vectors.astype(float), GROUPS, seed=0, minit="++", missing="warn")
    return groups.astype(np.int64)


def use(coded: Coded, model: str | None = None) -> list[PlaneUse]:
    """Figures of every plane, with those of `model`'s tables and language model. Raises UsageError where
    there are no codes."""
    spec, streams = coded.spec, coded.streams
    grouped = [[coded.groups[k][plane] for k, plane in enumerate(stream)] for stream in streams]
    if not any(plane.size for stream in streams for plane in stream):
        raise UsageError("the clips are silent: there are no codes to count")
    tables, lm_bits = _by_model(streams, model) if model else (None, None)
    rng = np.random.default_rng(0)
    found = []
    for k, size in enumerate(spec.codebook_sizes):
        codes = np.concatenate([stream[k] for stream in streams])
        counts = np.bincount(codes, minlength=size)
        bits, length = entropy(counts), huffman_length(counts)
        steps = [(stream[k][:-1], stream[k][1:]) for stream in grouped]
        rate = spec.frame_rate / spec.strides[k]
        found.append(
            PlaneUse(
                plane=k,
                size=size,
                count=codes.size,
                used=float((counts > 0).mean()),
                entropy=bits,
                normalised=bits / math.log2(size) if size > 1 else 1.0,
                huffman=length,
                table=tables[k] if tables else None,
                language_model=lm_bits[k] if lm_bits else None,
                before=_information(steps, rng),
                below=_information(_with_below(grouped, spec, k), rng) if k else None,
                packed_rate=rate * (size - 1).bit_length(),
                huffman_rate=rate * length,
            )
        )
    return found


def bitrate_efficiency(planes: Sequence[PlaneUse]) -> float:
    """The planes' entropies over the bits of their codes (Kumar et al. 2023, section 4.4): 1 where all codes
    are alike in frequency. Planes count as often as they have codes."""
    return sum(plane.packed_rate * plane.normalised for plane in planes) / sum(p.packed_rate for p in planes)


def entropy(counts: np.ndarray) -> float:
    """Bits of the frequencies `counts`; 0 for none."""
    shares = counts[counts > 0] / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def huffman_length(counts: np.ndarray) -> float:
    """Mean length in bits of a Huffman code for `counts`: the sum of all merged weights, over all. A lone
    symbol takes one bit."""
    heap = [int(count) for count in counts if count > 0]
    whole = sum(heap)
    if len(heap) < 2:
        return float(len(heap))
    heapq.heapify(heap)
    merged = 0
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        merged += pair
        heapq.heappush(heap, pair)
    return merged / whole


def mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Bits that the frequencies of two equally long rows of integers say about each other. Biased upwards
    when they are short."""
    _, first = np.unique(a, return_counts=True)
    _, second = np.unique(b, return_counts=True)
    _, joint = np.unique(np.stack([a, b]), axis=1, return_counts=True)
    return entropy(first) + entropy(second) - entropy(joint)


def _information(pairs: Sequence[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> float:
    a, b = (np.concatenate([pair[side] for pair in pairs]) for side in (0, 1))
    if a.size == 0:
        return 0.0
    chance = np.mean([mutual_information(a, rng.permutation(b)) for _ in range(SHUFFLES)])
    return max(float(mutual_information(a, b) - chance), 0.0)


def _with_below(
    streams: Sequence[Sequence[np.ndarray]], spec: CodecSpec, k: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Codes of plane k - 1 and k at the same time, as many as the slower of the two has."""
    slow = max(spec.strides[k - 1], spec.strides[k])
    pairs = []
    for stream in streams:
        lower, upper = stream[k - 1][:: slow // spec.strides[k - 1]], stream[k][:: slow // spec.strides[k]]
        length = min(lower.size, upper.size)
        pairs.append((lower[:length], upper[:length]))
    return pairs


def _by_model(streams: Sequence[Sequence[np.ndarray]], model: str) -> tuple[list[float] | None, list[float] | None]:
    """Mean bits of a code in each plane by the model's tables and by its language model."""
    from nac_cli.pipelines.models.opening import open_tables

    file = zoo.find(model)
    tables = open_tables(file)
    by_table = None
    if tables is not None:
        by_table = [
            float(tables.cost_bits(k)[np.concatenate([stream[k] for stream in streams])].mean())
            for k in range(file.spec.num_codebooks)
        ]
    return by_table, _by_language_model(streams, file)


def _by_language_model(streams: Sequence[Sequence[np.ndarray]], file) -> list[float] | None:
    """Chunk by chunk, as it would code them."""
    from nac_cli.entropy import lm_streams
    from nac_cli.pipelines.models.opening import open_lm
    from nac_cli.values import ChunkCodes

    lm_file = zoo.lm_beside(file)
    if lm_file is None:
        return None
    lm, spec = open_lm(lm_file, file), file.spec
    info = StreamInfo(spec, spec.sample_rate, 1, (1,), None)
    framing, bits, counts = info.framing, np.zeros(spec.num_codebooks), np.zeros(spec.num_codebooks)
    chunks = []
    for stream in streams:
        whole = min(plane.size * stride for plane, stride in zip(stream, spec.strides))
        for start in range(0, whole - whole % max(spec.strides), framing.chunk_frames):
            frames = min(framing.chunk_frames, whole - start)
            codes = tuple(
                plane[start // s : -(-(start + frames) // s)].astype(np.int32) for plane, s in zip(stream, spec.strides)
            )
            depths = np.full((1, framing.steps(frames)), spec.num_codebooks)
            gains = np.zeros((1, framing.nodes(frames)), np.int64)
            chunks.append(ChunkCodes(frames, np.zeros((0, 2), np.int64), gains, depths, (codes,)))
    for channels, chunk in zip(lm_streams.measure(chunks, info, lm), chunks):
        for channel in channels:
            bits += channel.bits().sum(axis=1)
        counts += [plane.size for plane in chunk.codes[0]]
    return (bits / np.maximum(counts, 1)).tolist()
