"""How a bitrate is divided between codes and detail, and the detail that fills its share.

The codes are best at low rates and soon have no use for more bits; detail has, but needs a good base. So codes get a
bitrate of their own, which grows more slowly than the whole, and detail what is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from nac_cli.container import ChunkRecord, detail_block_bytes
from nac_cli.detail.analysis import Analysis
from nac_cli.detail_layer import STEPS_PER_OCTAVE, UNIT_STEP, band_edges, cut_off, superframe_length
from nac_cli.kernels.blas import one_thread
from nac_cli.parallel import ahead
from nac_cli.pipelines.chain.detail import detail_record
from nac_cli.pipelines.chain.held import HeldSamples
from nac_cli.pipelines.chain.packing import Packer
from nac_cli.pipelines.rate.fitting import fit_near, target_bytes
from nac_cli.pipelines.rate.layers import AnalysedChunk, FittedDetail, fit_layers, table_costs
from nac_cli.pipelines.rate.target import Target
from nac_cli.values import ChunkCodes, CodecSpec, StreamInfo

SINGLE = ((2200, 1900), (2500, 2050), (3000, 2250), (4000, 2550), (6000, 3000), (16000, 3500), (32000, 4000))
"""bit/s of a single channel of the default family: of the whole, and of its codes; below the first codes alone are
best. The default model's card has the measurements."""
OTHERS = ((3500, 3000), (6000, 3000), (16000, 3500), (32000, 4000))
"""The same where there are pairs, whose second channel needs the codes, and of other families."""
PAIR = 1.5
"""Single channels that a stereo pair is like."""
BATCH_SAMPLES = 1 << 24
"""Samples whose detail is fitted together, which is what bounds memory: about three minutes of stereo."""
LENGTH_GROWTH = 2
"""Bytes by which the length of a block with detail may be longer than that of one without."""
DECIBELS_PER_OCTAVE = 20 * np.log10(2)


def code_bitrate(bitrate: float, info: StreamInfo) -> float:
    """bit/s for the codes of a stream of `bitrate`; all of it where that is too little for detail."""
    likeness = sum(PAIR if size == 2 else 1.0 for size in info.groups)
    single = bitrate / likeness
    wholes, codes = zip(*_shares(info.codec, 2 in info.groups))
    if single < wholes[0]:
        return bitrate
    return likeness * float(np.interp(single, wholes, codes))


def least_bitrate(codec: CodecSpec) -> int:
    """bit/s of a single channel below which all are for codes."""
    return _shares(codec, pairs=False)[0][0]


def _shares(codec: CodecSpec, pairs: bool) -> tuple[tuple[int, int], ...]:
    return SINGLE if codec.family == "spectral" and not pairs else OTHERS


@dataclass(frozen=True)
class Beneath:
    """Packed chunks of less than `total_bytes`, tags aside, which the whole stream may take together with detail."""

    records: list[ChunkRecord]
    total_bytes: int


def shares(target: Target, info: StreamInfo, all_planes: bool) -> tuple[int, float] | None:
    """bit/s of the whole stream and of its codes. None where there is to be no detail: by choice, because too little
    would be left for it, or since planes are asked for."""
    bitrate = target.bitrate_for(info, all_planes) if target.detail else None
    if bitrate is None or (codes := code_bitrate(bitrate, info)) >= bitrate:
        return None
    return bitrate, codes


def codes_beneath(packer: Packer, target: Target, all_planes: bool) -> Beneath | None:
    """The chunks with their share of the target's bitrate, for detail to take the rest; None where there is to be none
    (see `shares`), or no room for it."""
    info = packer.info
    divided = shares(target, info, all_planes) if info.num_samples else None
    if divided is None:
        return None
    bitrate, codes = divided
    records, most = fit_near(packer, round(codes)), target_bytes(bitrate, info)
    return Beneath(records, most) if packer.total_bytes(records) < most else None


@dataclass(frozen=True)
class DetailFitter:
    """Detail for the chunks of a stream whose codes are fixed: `held` are the samples that it is to come near to,
    `workers` the chunks that are looked at at a time."""

    packer: Packer
    held: HeldSamples
    workers: int = 1

    def fit(
        self, records: Sequence[ChunkRecord], bases: Iterable[tuple[ChunkCodes, np.ndarray]], total_bytes: int
    ) -> list[ChunkRecord]:
        """`records` with detail, such that the whole stream, tags aside, takes `total_bytes` at most and nearly that.
        `bases` are the chunks' codes and what they sound like."""
        info = self.packer.info
        left = total_bytes - self.packer.total_bytes(records) - len(records)  # a byte more a span in the index
        left -= sum(detail_block_bytes(record.index, LENGTH_GROWTH) for record in records)
        samples = sum(record.num_frames for record in records) * info.codec.hop_length * info.channels
        fitted: list[ChunkRecord] = []
        like: FittedDetail | None = None
        with one_thread():
            for size, batch in self._batches(bases):
                beneath = records[len(fitted) : len(fitted) + len(batch)]
                found = fit_layers(batch, int(left * min(size / max(samples, 1), 1.0)), self.workers, like)
                samples -= size
                if found is None:
                    fitted += beneath
                    continue
                left, like = left - found.size, found
                fitted += [replace(record, detail=detail) for record, detail in zip(beneath, found.records)]
        return fitted

    def _batches(self, bases: Iterable[tuple[ChunkCodes, np.ndarray]]) -> Iterator[tuple[int, list[AnalysedChunk]]]:
        """Analysed chunks that are fitted together, and how many samples they have; while some are looked at, the next
        ones are decoded."""
        info, costs = self.packer.info, table_costs()

        def analysed(item: tuple[int, tuple[ChunkCodes, np.ndarray]]) -> tuple[int, AnalysedChunk]:
            index, (chunk, base) = item
            sound, rate = self.held[index], info.codec.sample_rate
            channels = [Analysis(*pair, rate, UNIT_STEP, 0, costs) for pair in zip(sound, base, strict=True)]
            return base.size, AnalysedChunk(index, channels, step_offsets(chunk.gains, info.groups))

        size, batch = 0, []
        for samples, chunk in ahead(analysed, enumerate(bases), self.workers, "detail"):
            batch.append(chunk)
            size += samples
            if size >= BATCH_SAMPLES:
                yield size, batch
                size, batch = 0, []
        if batch:
            yield size, batch


def with_details(
    records: Sequence[ChunkRecord], chunks: Sequence[ChunkCodes], info: StreamInfo, bands: int | None = None
) -> list[ChunkRecord]:
    """`records` with the detail of `chunks` over them, or with its lowest `bands` only."""
    superframe = superframe_length(info.codec.sample_rate)
    detailed = []
    for record, chunk in zip(records, chunks, strict=True):
        layers = chunk.detail
        if bands is not None:
            layers = tuple(layer and cut_off(layer, bands, superframe) for layer in layers)
        detailed.append(replace(record, detail=detail_record(record.index, layers, info.codec.sample_rate)))
    return detailed


def trimmed(
    packer: Packer, records: Sequence[ChunkRecord], chunks: Sequence[ChunkCodes], total_bytes: int
) -> list[ChunkRecord]:
    """`records` with as many of the lowest bands of the detail of `chunks` as `total_bytes`, tags aside, allow."""
    info = packer.info
    low, high = 0, len(band_edges(superframe_length(info.codec.sample_rate))) - 1
    best = list(records)
    while low < high:
        middle = (low + high + 1) // 2
        tried = with_details(records, chunks, info, middle)
        if packer.total_bytes(tried) <= total_bytes:
            low, best = middle, tried
        else:
            high = middle - 1
    return best


def step_offsets(gains: np.ndarray, groups: Sequence[int]) -> list[int]:
    """Step indices to add for each coded channel of a chunk: the louder channel of a pair masks what the other lacks,
    so a channel's steps are as coarse, on its own level, as that is below the pair's louder one."""
    levels = gains.astype(float).mean(axis=1)
    offsets, first = [], 0
    for size in groups:
        loudest = levels[first : first + size].max()
        for channel in range(first, first + size):
            offsets.append(round(STEPS_PER_OCTAVE * (loudest - levels[channel]) / DECIBELS_PER_OCTAVE))
        first += size
    return offsets
