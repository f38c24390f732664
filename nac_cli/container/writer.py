"""Writes a stream front to back; never seeks, never reads, keeps only the sizes of the chunks."""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from nac_cli.container.blocks import pack_block
from nac_cli.container.chunk import ChunkRecord, pack_chunk
from nac_cli.container.detail import DetailRecord, pack_detail
from nac_cli.container.header import pack_header, stream_header
from nac_cli.container.index import Index, pack_index, pack_trailer
from nac_cli.container.limits import MAX_CHUNKS
from nac_cli.container.sizes import ByteCounts, tag_blocks
from nac_cli.container.tags import PcmDigest, pack_digest
from nac_cli.errors import LimitExceeded, UsageError
from nac_cli.values import Mode, StreamInfo, Tags


class ContainerWriter:
    """Signature, header and tags at once, then a call a chunk, then `finish`.

    `file` needs `write` only, and is neither flushed nor closed. `padding` bytes of zeros after the tags let
    them grow in place later. With `detail`, chunks may have some. `counts` says what was written so far. Raises
    `UsageError` for what no reader would accept and `LimitExceeded` for too much of it, before any of it is written.
    """

    def __init__(
        self, file: BinaryIO, info: StreamInfo, tags: Tags | None = None, padding: int = 0, detail: bool = False
    ) -> None:
        self.info, self.detail = info, detail
        self.counts = ByteCounts()
        self._file = file
        self._spans: list[int] = []  # of chunks without the detail behind the last one
        self._detail = 0  # bytes of that
        self._num_frames = 0
        self._finished = False
        header = stream_header(info, detail)
        blocks = b"".join(pack_block(kind, payload) for kind, payload in tag_blocks(tags, padding))
        self._write(header + blocks, header=len(header), tags=len(blocks))

    def write_chunk(self, record: ChunkRecord) -> None:
        """The next chunk. All but the last have `info.framing.chunk_frames` frames."""
        self._check_chunk(record)
        block = pack_block("CHNK", pack_chunk(record))
        detail = pack_block("detl", pack_detail(record.detail)) if isinstance(record.detail, DetailRecord) else b""
        payload = len(record.payload)
        self._write(block + detail, chunks=len(block) - payload, payload=payload, detail=len(detail))
        if self._spans:
            self._spans[-1] += self._detail
        self._spans.append(len(block))
        self._detail = len(detail)
        self._num_frames += record.num_frames

    def finish(self, num_samples: int, pcm_md5: PcmDigest | None = None) -> ByteCounts:
        """Digest, index, trailer. `num_samples`, per channel at the source's rate, must fit the frames."""
        if self._finished:
            raise UsageError("the stream is finished already")
        self._check_length(num_samples)
        digest = pack_block("pmd5", pack_digest(pcm_md5)) if pcm_md5 else b""
        distance = sum(self._spans) + self._detail + len(digest) if self._spans else 0
        index = Index(num_samples, self._num_frames, tuple(self._spans), distance)
        block = pack_block("INDX", pack_index(index))
        end = digest + block + pack_trailer(len(block))
        self._write(end, index=len(end))
        self._finished = True
        return self.counts

    def _check_chunk(self, record: ChunkRecord) -> None:
        full = self.info.framing.chunk_frames
        if self._finished:
            raise UsageError("the stream is finished, no chunk can follow")
        if isinstance(record.detail, DetailRecord) and record.detail.index != record.index:
            raise UsageError(f"chunk {record.index} comes with the detail of chunk {record.detail.index}")
        if isinstance(record.detail, DetailRecord) and not self.detail:
            raise UsageError(f"chunk {record.index} has detail, which the file's version does not announce")
        if record.index != len(self._spans):
            raise UsageError(f"chunk {record.index} cannot be written now, chunk {len(self._spans)} is next")
        if record.index >= MAX_CHUNKS:
            raise LimitExceeded(f"a stream holds at most {MAX_CHUNKS} chunks")
        if not 1 <= record.num_frames <= full:
            raise UsageError(f"chunk {record.index} has {record.num_frames} frames, possible are 1 to {full}")
        if record.mode == Mode.LM and self.info.lm_id is None:
            raise UsageError(f"chunk {record.index} is in mode {Mode.LM.label}, but the header names no language model")
        if self._num_frames != record.index * full:
            raise UsageError(f"chunk {record.index} follows a shorter one, which has to be the last")

    def _check_length(self, num_samples: int) -> None:
        if self.info.num_samples not in (None, num_samples):
            raise UsageError(f"the header promised {self.info.num_samples} samples, not {num_samples}")
        # The header's own check of a length, for one that came late.
        pack_header(replace(self.info, num_samples=num_samples))
        num_frames = self.info.frames_for(num_samples)
        if num_frames != self._num_frames:
            raise UsageError(f"{num_samples} samples make {num_frames} frames, {self._num_frames} came")

    def _write(self, data: bytes, **counts: int) -> None:
        self._file.write(data)
        sums = {kind: getattr(self.counts, kind) + size for kind, size in counts.items()}
        self.counts = replace(self.counts, **sums)
