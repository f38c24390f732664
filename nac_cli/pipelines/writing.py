"""The last step of `compress` and `recode`: packed chunks become a file, and its figures."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from nac_cli.container import ByteCounts, ChunkRecord, ContainerWriter, PcmDigest
from nac_cli.files import open_output
from nac_cli.pipelines.chain.packing import mean_depth, mode_counts
from nac_cli.pipelines.verify import verify
from nac_cli.values import StreamInfo, Tags


@dataclass(frozen=True)
class Stream:
    """All that a `.nac` file is written from. `padding` bytes of zeros follow the tags, if there are any; `pcm_md5` is
    the digest of the source's samples."""

    info: StreamInfo
    records: Sequence[ChunkRecord]
    tags: Tags
    padding: int = 0
    pcm_md5: PcmDigest | None = None

    def figures(self, counts: ByteCounts) -> dict:
        """The fields of `StreamReport` that follow from the stream and its bytes."""
        per_second = 8 / self.info.duration if self.info.duration else 0.0
        return {
            "model": self.info.codec.name,
            "channels": self.info.channels,
            "seconds": self.info.duration,
            "file_bytes": counts.total,
            "tag_bytes": counts.tags,
            "bitrate": (counts.total - counts.tags) * per_second,
            "file_bitrate": counts.total * per_second,
            "depth": mean_depth(self.records, self.info),
            "modes": mode_counts(self.records),
        }


def write_stream(
    stream: Stream,
    target: str | os.PathLike | BinaryIO,
    *,
    force: bool,
    check: bool,
    device: str,
    threads: int | None,
) -> ByteCounts:
    """Write `stream`, whose length must be known; with `check` decode it before it takes its place.

    Raises AudioError (not writable), OutputExists, and where the check fails CorruptStream or TokenMismatch.
    """
    with open_output(target, force) as (file, written):
        writer = ContainerWriter(file, stream.info, stream.tags, stream.padding)
        for record in stream.records:
            writer.write_chunk(record)
        counts = writer.finish(stream.info.known_length, stream.pcm_md5)
        if check:
            verify(written(), device=device, threads=threads).require_sound()
    return counts
