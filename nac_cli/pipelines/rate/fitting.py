"""Chunks -> container records at a bitrate or a constant depth."""

from __future__ import annotations

import math

import numpy as np

from nac_cli.container import ChunkRecord, stream_bytes
from nac_cli.entropy.costs import side_bits
from nac_cli.errors import UsageError
from nac_cli.pipelines.chain.packing import Packer
from nac_cli.pipelines.rate.allocation import DepthChoices, allocate
from nac_cli.pipelines.rate.prices import choices_of, secondary_channels
from nac_cli.pipelines.rate.target import Target
from nac_cli.values import StreamInfo

SHORT_SECONDS = 20.0
"""Up to this length the container may be too large for a bitrate."""
ATTEMPTS = 10
CLOSE_ENOUGH = 0.998, 1.0
"""Of a target: a size that is left as it is."""
NEAR = 0.95, 1.05
"""The same where what is left over is not lost."""
CORRECTION = 0.05
"""Share of its bits by which a correction changes a chunk at first: what is off is put right in few chunks, since a
chunk that changes has to be packed again."""


def fit(packer: Packer, target: Target, all_planes: bool) -> list[ChunkRecord]:
    """The chunks at `target`, whose default are `all_planes` where that is set and no other default is asked for.

    `info.num_samples` must be known. Raises UsageError naming the range where the target cannot be met.
    """
    info = packer.info
    bitrate = target.bitrate_for(info, all_planes)
    if bitrate is None:
        return fit_planes(packer, info.codec.num_codebooks if target.planes is None else target.planes)
    long = info.known_length / info.sample_rate > SHORT_SECONDS
    return (fit_bitrate if target.bitrate is not None and (target.exact or long) else fit_default)(packer, bitrate)


def fit_planes(packer: Packer, planes: int) -> list[ChunkRecord]:
    """Every step at the same depth, as far as it has that many planes. Raises UsageError for a depth that the codec
    lacks."""
    Target(planes=planes).require_possible(packer.info.codec)
    return packer.records([np.minimum(chunk.available, planes) for chunk in packer.chunks])


def fit_bitrate(packer: Packer, bitrate: int) -> list[ChunkRecord]:
    """Depths such that the whole stream, tags aside, has at most `bitrate` bit/s and as near to it as the codes allow.

    `info.num_samples` must be known. Raises UsageError naming the range when the target cannot be met.
    """
    info = packer.info
    if not info.num_samples:
        return []
    in_range = bitrate <= _nominal_bitrate(info)
    records = _fit(packer, target_bytes(bitrate, info)) if in_range else None
    if records is None:
        raise UsageError(_out_of_range(packer, bitrate))
    return records


def fit_default(packer: Packer, bitrate: int, close_enough: tuple[float, float] = CLOSE_ENOUGH) -> list[ChunkRecord]:
    """As `fit_bitrate`, for a bitrate that is not a promise: a sound so short that the container alone takes too much
    of it gets the codes of that bitrate and the container on top, and at least one plane."""
    info = packer.info
    if not info.num_samples:
        return []
    target = target_bytes(bitrate, info)
    records = _fit(packer, target, close_enough)
    records = records or _fit(packer, target + int(_fixed_bits(packer) / 8), close_enough)
    return records or fit_planes(packer, 1)


def fit_near(packer: Packer, bitrate: int) -> list[ChunkRecord]:
    """As `fit_default`, some percent above or below: each correction would pack chunks again, and what is left of the
    whole goes to detail."""
    return fit_default(packer, bitrate, NEAR)


def target_bytes(bitrate: float, info: StreamInfo) -> int:
    """Size of a stream of `bitrate` bit/s, tags aside."""
    return int(bitrate * info.known_length / info.sample_rate / 8)


def _fit(packer: Packer, target: int, close_enough: tuple[float, float] = CLOSE_ENOUGH) -> list[ChunkRecord] | None:
    """The records of a stream of at most `target` bytes or of a size `close_enough` to it, None when even the least
    depths take more.

    Prices are nearly exact, so a few rounds of packing and correcting what was off suffice.
    """
    budget = 8.0 * target - _fixed_bits(packer)
    choices = choices_of(packer, lambda choices: _by_chunk(allocate(choices, budget), packer))
    depths = allocate(choices, budget)
    best, best_bytes = None, -1
    for attempt in range(ATTEMPTS):
        records = packer.records(_by_chunk(depths, packer))
        total = packer.total_bytes(records)
        if close_enough[0] * target <= total <= close_enough[1] * target:
            return records
        if best_bytes < total <= target:
            best, best_bytes = records, total
        share = min(abs(target - total) / (CORRECTION * total) * 2**attempt, 1.0)
        corrected = _corrected(packer, choices, depths, 8.0 * (target - total) - (total > target), share)
        if share == 1.0 and (corrected == depths).all():
            break
        depths = corrected
    return best


def _corrected(packer: Packer, choices: DepthChoices, depths: np.ndarray, bits: float, share: float) -> np.ndarray:
    """`depths` changed to cost some `bits` more (or less), in a `share` of the chunks, evenly spread."""
    count = math.ceil(share * len(packer.chunks))
    chosen = np.linspace(0, len(packer.chunks) - 1, 2 * count + 1).round().astype(int)[1::2]
    owners = np.repeat(np.arange(len(packer.chunks)), [chunk.available.size for chunk in packer.chunks])
    there = np.isin(owners, chosen) if share < 1.0 else np.ones(len(owners), bool)
    some = DepthChoices(choices.bits[there], choices.distortion[there], choices.least[there])
    corrected = depths.copy()
    corrected[there] = allocate(some, some.total_bits(depths[there]) + bits)
    return corrected


def _by_chunk(depths: np.ndarray, packer: Packer) -> list[np.ndarray]:
    """Depths `[M]` of all steps -> `[C, S]` for each chunk."""
    ends = np.cumsum([chunk.available.size for chunk in packer.chunks])
    return [part.reshape(chunk.available.shape) for part, chunk in zip(np.split(depths, ends[:-1]), packer.chunks)]


def _fixed_bits(packer: Packer) -> float:
    """A first guess at everything but the codes: container, gains, angles, depths that hardly change, coder."""
    info, chunks = packer.info, packer.chunks
    side = sum(side_bits(info.num_pairs, chunk.gains, np.zeros_like(chunk.available)) + 48 for chunk in chunks)
    return 8.0 * stream_bytes(info, [300] * len(chunks), info.known_length).overhead + side


def _nominal_bitrate(info: StreamInfo) -> float:
    """Bits per second of all planes of all channels, packed, with a tenth for everything else."""
    frame_bits = sum(
        (size - 1).bit_length() / stride
        for size, stride in zip(info.codec.codebook_sizes, info.codec.strides, strict=True)
    )
    return 1.1 * info.channels * info.codec.frame_rate * frame_bits


def _out_of_range(packer: Packer, bitrate: int) -> str:
    info, secondary = packer.info, np.array(secondary_channels(packer.info))[:, None]

    def reached(depths: list[np.ndarray]) -> float:
        return 8 * packer.total_bytes(packer.records(depths)) * info.sample_rate / info.known_length

    low = reached([np.where(secondary, 0, np.minimum(chunk.available, 1)) for chunk in packer.chunks])
    high = reached([chunk.available for chunk in packer.chunks])
    return (
        f"{bitrate} bit/s cannot be met: with {info.codec.name} this sound takes "
        f"{int(np.ceil(low))} to {int(high)} bit/s; choose a bitrate in that range, or a depth with -q"
    )
