"""Surroundings: the frames around a stretch that a network gets with it, so that nothing is heard of the seams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec

CONTEXT_SECONDS = 4.0
"""Most context, in seconds, that a network gets before and after a stretch: the memory of recurrent ones has no end.

EnCodec was trained on single seconds, so it has learnt to begin with an empty memory. What the rest of its memory
would have changed in the second after a seam, measured on the 24 kHz preset with random weights: no code, and sound by
-115 dB with 0.25 s of context, by -129 dB (rounding) with 0.5 s and more. A network of the tiny preset that was made to
remember for seconds (forget gates opened by 4 in the logit) has other codes even with 4 s."""


@dataclass(frozen=True)
class Surroundings:
    """The context of a stretch in frames, `before` and `after` it, for one half of a model; and `piece`, the frames
    that are coded at once (None: all). Recurrent models code a whole stretch at once."""

    before: int
    after: int
    piece: int | None

    @classmethod
    def of(cls, model: Codec, half: str, chunk_frames: int) -> Surroundings:
        """For the "encoder" or the "decoder". They reach no further than into the neighbouring chunks."""
        unit = max(*model.spec.strides, model.frame_multiple)
        most = min(_up(round(CONTEXT_SECONDS * model.spec.frame_rate), unit), chunk_frames // unit * unit)
        before, after = model.context(half)
        recurrent = before is None
        before = most if before is None else min(_up(before, unit), most)
        after = min(_up(after, max(model.spec.strides)), most)
        piece = _up(max(round(model.spec.frame_rate), 4 * (before + after)), unit)
        return cls(before, after, piece if model.heavy and not recurrent else None)

    def pieces(self, num_frames: int, before: int, after: int) -> Iterator[tuple[int, int, int, int]]:
        """The pieces of a stretch of `num_frames` frames with `before` and `after` others around it. For each piece:
        first frame and end of the network's input, first frame and end of its output to keep, all counted from the
        first of all frames."""
        size = self.piece or num_frames
        for start in range(before, before + num_frames, size):
            stop = min(start + size, before + num_frames)
            yield max(start - self.before, 0), min(stop + self.after, before + num_frames + after), start, stop


def _up(frames: int, unit: int) -> int:
    return -(-frames // unit) * unit
