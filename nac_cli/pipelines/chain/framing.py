"""The division of time in the streams of a model.

Chunks of about ten seconds, gain nodes every 1.1 and depth steps every 0.37 seconds, in whole frames; longer chunks
where ten seconds are so few bytes that what comes with a chunk would count.
"""

from __future__ import annotations

from math import lcm, log
from typing import TYPE_CHECKING

from nac_cli.container import limits
from nac_cli.errors import UsageError
from nac_cli.speakers import groups_of
from nac_cli.values import CodecSpec, Framing, StreamInfo

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec

SECONDS = 10.03
MOST_SECONDS = 30.0
STEPS, NODES = 27, 9
"""Depth steps and gain nodes in a chunk of `SECONDS`."""
WORTHWHILE_BYTES = 1200
"""Least size of a chunk of one channel with all planes: a chunk costs some 30 bytes by itself."""


def stream_for(
    model: Codec,
    sample_rate: int,
    channels: int,
    num_samples: int | None = None,
    source_bits: int = 0,
    speakers: int | None = None,
) -> StreamInfo:
    """The header of a stream in which `model` codes sound of this form; left and right channels that are neighbours are
    rotated pairs. Raises UsageError as `framing_for`."""
    framing = framing_for(model.chunked(), channels)
    groups = groups_of(speakers, channels)
    return StreamInfo(model.spec, sample_rate, channels, groups, num_samples, source_bits, framing, speakers=speakers)


def framing_for(model: Codec, channels: int) -> Framing:
    """The framing of a stream of `channels` channels: chunks begin where `model` allows it, steps and nodes divide
    them, no code is cut, and the container's limits are kept. Raises UsageError where that is not possible."""
    spec, multiple = model.spec, lcm(model.frame_multiple, *model.spec.strides)
    most = _most_frames(spec, channels)
    base = min(SECONDS * spec.frame_rate, most)
    step = _fitting(base / STEPS, max(spec.strides), multiple)
    node = _fitting(base / NODES, step, lcm(step, multiple))
    unit = lcm(node, multiple)
    wanted = min(_chunk_seconds(spec) * spec.frame_rate, most)
    chunk = unit * max(1, min(round(wanted / unit), most // unit))
    if chunk > most:
        raise UsageError(
            f"{spec.name} cannot be used for files: its chunks must be multiples of {unit} frames, and the format "
            f"allows {most} for {channels} channels"
        )
    return Framing(chunk, step, node)


def _chunk_seconds(spec: CodecSpec) -> float:
    bits = sum((size - 1).bit_length() / stride for size, stride in zip(spec.codebook_sizes, spec.strides, strict=True))
    return min(max(SECONDS, 8 * WORTHWHILE_BYTES / (bits * spec.frame_rate)), MOST_SECONDS)


def _most_frames(spec: CodecSpec, channels: int) -> int:
    codes = channels * sum(1 / stride for stride in spec.strides)
    most = (limits.MAX_CHUNK_FRAMES, limits.MAX_CHUNK_SAMPLES // spec.hop_length, int(limits.MAX_CHUNK_CODES / codes))
    return min(most)


def _fitting(target: float, unit: int, multiple: int) -> int:
    """The multiple of `unit` nearest to `target`, by ratio, of those that divide `multiple` or are its multiples;
    `unit` divides `multiple`."""
    divisors = [unit * n for n in range(1, multiple // unit) if multiple % (unit * n) == 0]
    return min([*divisors, multiple * max(1, round(target / multiple))], key=lambda frames: abs(log(frames / target)))
