"""The order of chunks: which comes next, which are missing, whether the index agrees with their places."""

from __future__ import annotations

from dataclasses import dataclass

from nac_cli.container.blocks import Block
from nac_cli.container.chunk import ChunkRecord
from nac_cli.container.header import chunk_frames
from nac_cli.container.index import Index
from nac_cli.container.scan import Damage
from nac_cli.values import Mode, StreamInfo


@dataclass(frozen=True)
class DamagedChunk:
    """Chunks `first` to `stop` (exclusive), of `num_frames` latent frames together, that could not be read.

    They were lost in bytes `byte_start` to `byte_stop` (exclusive); `reason` says how.
    """

    first: int
    stop: int
    num_frames: int
    byte_start: int
    byte_stop: int
    reason: str


class ChunkSequence:
    """Follows the chunks of one stream; `next_index` is the chunk that has to come now."""

    def __init__(self) -> None:
        self.next_index = 0
        self._ended = False
        self._offsets: dict[int, int] = {}
        self._end = 0

    def misfit(self, record: ChunkRecord, info: StreamInfo) -> str | None:
        """The reason why `record` cannot come here, None when it can."""
        if record.index < self.next_index:
            return f"chunk {record.index} comes too late or again, chunk {self.next_index} is next"
        if record.mode == Mode.LM and info.lm_id is None:
            return f"chunk {record.index} is in mode {Mode.LM.label}, but the header names no language model"
        if info.num_samples is not None:
            wanted = chunk_frames(info, info.num_samples, record.index)
            fits = record.num_frames == wanted
        else:
            wanted = info.framing.chunk_frames
            fits = record.num_frames <= wanted and not self._ended
        return None if fits else f"chunk {record.index} has {record.num_frames} frames, not {wanted}"

    def accept(self, record: ChunkRecord, block: Block, info: StreamInfo) -> None:
        self.next_index = record.index + 1
        self._ended = record.num_frames < info.framing.chunk_frames
        self._offsets[record.index] = block.offset
        self._end = block.offset + block.size

    def missing(self, stop: int, info: StreamInfo, hole: Damage) -> DamagedChunk:
        """The marker for the chunks from the next one to `stop` (exclusive), lost in `hole`."""
        num_frames = (stop - self.next_index) * info.framing.chunk_frames
        if info.num_samples is not None:
            num_frames += chunk_frames(info, info.num_samples, stop - 1) - info.framing.chunk_frames
        marker = DamagedChunk(self.next_index, stop, num_frames, hole.start, hole.stop, hole.reason)
        self.next_index = stop
        return marker

    def disagreement(self, index: Index, index_offset: int) -> str | None:
        """The contradiction between `index`, at `index_offset`, and the places of the chunks; None when they agree."""
        first = index_offset - index.distance
        for number, offset in self._offsets.items():
            indexed = first + index.starts[number]
            if offset != indexed:
                return f"the index has chunk {number} at byte {indexed}, it is at {offset}"
        last = index.num_chunks - 1
        span = self._end - self._offsets.get(last, self._end)
        if last in self._offsets and span != index.spans[last]:
            return f"the index gives chunk {last} {index.spans[last]} bytes, it has {span}"
        return None
