"""A stretch of a stream that is to be decoded, and the frames and chunks that it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from nac_cli.errors import UsageError
from nac_cli.pipelines.chain.unpacking import Loss
from nac_cli.values import StreamInfo

PREROLL_SAMPLES = 1 << 14
"""Samples at the codec's rate decoded before a range's start, so that the resampler has settled there."""


@dataclass(frozen=True)
class Span:
    """Source samples [first, stop), to the end where `stop` is None (a length still unknown)."""

    info: StreamInfo
    first: int
    stop: int | None

    @classmethod
    def of(cls, info: StreamInfo, start: float | None = None, end: float | None = None) -> Span:
        """From `start` to `end` in seconds; an infinite end is that of the sound. Raises UsageError for a range outside
        the sound."""
        for name, place in (("start", start), ("end", end)):
            if place is not None and (isinstance(place, bool) or not isinstance(place, Real) or math.isnan(place)):
                raise UsageError(f"{name} is a number of seconds, not {place!r}")
        end = None if end == math.inf else end
        if math.inf in (start, end) or -math.inf in (start, end):
            raise UsageError(f"there is nothing from {start or 0} s to {end} s: give 0 <= start <= end")
        first = round((start or 0.0) * info.sample_rate)
        stop = info.num_samples if end is None else round(end * info.sample_rate)
        if info.num_samples is not None:
            stop = info.num_samples if stop is None else min(stop, info.num_samples)
            if first > info.num_samples:
                raise UsageError(f"start {start} s lies behind the end of the sound ({info.duration:.3f} s)")
        if first < 0 or (stop is not None and stop < first):
            raise UsageError(f"there is nothing from {start or 0} s to {end} s: give 0 <= start <= end")
        return cls(info, first, stop)

    @property
    def num_samples(self) -> int | None:
        """Samples of a channel, None where the end is not known."""
        return None if self.stop is None else self.stop - self.first

    @property
    def first_frame(self) -> int:
        """The last frame at least PREROLL_SAMPLES before the first sample whose start falls on a source sample."""
        codec = self.info.codec
        preroll = -(-PREROLL_SAMPLES // codec.hop_length)
        frame = self.first * codec.sample_rate // self.info.sample_rate // codec.hop_length - preroll
        period = codec.sample_rate // math.gcd(codec.sample_rate, self.info.sample_rate * codec.hop_length)
        return max(frame, 0) // period * period

    @property
    def first_chunk(self) -> int:
        """The chunk that holds `first_frame`."""
        return self.first_frame // self.info.framing.chunk_frames

    @property
    def last_chunk(self) -> int | None:
        """The last chunk that is asked for to get samples up to `stop`, None where the end is not known: two behind the
        one that holds them, since a chunk is decoded with the next as context, and resampled with a delay that is a
        chunk at most."""
        if self.stop is None:
            return None
        return self.info.frames_for(self.stop) // self.info.framing.chunk_frames + 2

    def touches(self, loss: Loss) -> bool:
        """Whether a lost stretch reaches into the span; chunks around it are decoded too, as context."""
        rate = self.info.sample_rate
        return loss.stop * rate > self.first and (self.stop is None or loss.start * rate < self.stop)
