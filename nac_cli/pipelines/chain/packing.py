"""Depths -> container records: packs each chunk in its smallest mode, and none twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nac_cli.container import MODES, ChunkRecord, stream_bytes
from nac_cli.entropy import Coders, pack_smallest, token_checksum, unpack_side
from nac_cli.pipelines.chain.layered import Layered
from nac_cli.values import Mode, StreamInfo


class Packer:
    """The chunks of one stream, to be packed at any depths in that of `modes` that makes each smallest."""

    def __init__(self, chunks: Sequence[Layered], info: StreamInfo, coders: Coders, modes: Sequence[Mode]) -> None:
        self.chunks, self.info, self.coders, self.modes = chunks, info, coders, modes
        self._packed: dict[tuple[int, bytes], ChunkRecord] = {}

    def records(self, depths: Sequence[np.ndarray]) -> list[ChunkRecord]:
        """Records of all chunks at `depths` (`[C, S]` each); those not packed before are packed in one go."""
        keys = [(index, chunk_depths.tobytes()) for index, chunk_depths in enumerate(depths)]
        new = [key for key in keys if key not in self._packed]
        kept = [self.chunks[index].keep(depths[index], self.info) for index, _ in new]
        packed = pack_smallest(kept, self.info, self.coders, self.modes)
        for key, chunk, (mode, payload) in zip(new, kept, packed, strict=True):
            self._packed[key] = ChunkRecord(key[0], chunk.num_frames, int(mode), token_checksum(chunk), payload)
        return [self._packed[key] for key in keys]

    def total_bytes(self, records: Sequence[ChunkRecord]) -> int:
        """Size of the stream in bytes, tags aside."""
        info = with_lm_id(self.info, records, self.coders)
        return stream_bytes(info, [len(record.payload) for record in records], info.known_length).total


def with_lm_id(info: StreamInfo, records: Sequence[ChunkRecord], coders: Coders) -> StreamInfo:
    """`info` with the id of the language model if a chunk needs it, without any id if none does."""
    needed = any(record.mode == Mode.LM for record in records)
    return replace(info, lm_id=coders.lm.model_id if coders.lm and needed else None)


def mean_depth(records: Sequence[ChunkRecord], info: StreamInfo) -> float:
    """Planes of a coded channel, over all steps."""
    depths = [unpack_side(record.payload, record.num_frames, info).depths for record in records]
    return float(np.concatenate([d.ravel() for d in depths]).mean()) if depths else 0.0


def mode_counts(records: Sequence[ChunkRecord]) -> dict[str, int]:
    """Chunks by entropy mode."""
    return dict(Counter(MODES[record.mode] for record in records))
