"""What a `.nac` file holds, without decoding it (and without torch)."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nac_cli.container import MODES, ChunkRecord, ContainerReader
from nac_cli.entropy import unpack_side
from nac_cli.errors import CorruptStream, ModelError
from nac_cli.models import zoo
from nac_cli.pipelines.opening import name_of, open_stream
from nac_cli.values import StreamInfo, Tags


@dataclass(frozen=True)
class FileInfo:
    """A stream's header and statistics. Sizes in bytes, bitrates in bit/s.

    `bytes_by_kind` sums the file's blocks by type; `modes` counts chunks by entropy mode; `depths[c]` is the mean
    number of planes of coded channel c; `angles` are the mean rotation of each pair in degrees; `installed` says
    whether the model is here; `damage` lists what is wrong with the structure, in words.
    """

    name: str
    stream: StreamInfo
    version: tuple[int, int]
    file_bytes: int
    bitrate: float | None
    chunks: int
    modes: dict[str, int]
    depths: tuple[float, ...]
    bytes_by_kind: dict[str, int]
    tags: Tags
    installed: bool
    damage: tuple[str, ...]

    def as_dict(self) -> dict:
        """Plain values for JSON; pictures by type and size."""
        stream, codec = self.stream, self.stream.codec
        return {
            "file": self.name, "version": ".".join(map(str, self.version)), "bytes": self.file_bytes,
            "seconds": stream.duration, "samples": stream.num_samples, "sample_rate": stream.sample_rate,
            "channels": stream.channels, "groups": list(stream.groups), "source_bits": stream.source_bits,
            "bitrate": self.bitrate, "chunks": self.chunks, "modes": self.modes, "depths": list(self.depths),
            "bytes_by_kind": self.bytes_by_kind,
            "model": {
                "name": codec.name, "family": codec.family, "id": codec.model_id.hex(), "installed": self.installed,
                "sample_rate": codec.sample_rate, "hop_length": codec.hop_length, "codebooks": codec.num_codebooks,
            },
            "tags": [list(item) for item in self.tags.items],
            "pictures": [{"type": p.type, "mime": p.mime, "bytes": len(p.data)} for p in self.tags.pictures],
            "damage": list(self.damage),
        }


def info(source: str | os.PathLike | BinaryIO) -> FileInfo:
    """Describe a `.nac` file or pipe.

    Raises UnsupportedStream, CorruptStream (an unusable header), LimitExceeded, AudioError (cannot be read). Other
    damage is listed in the result.

    >>> import io, numpy as np, nac_cli
    >>> silence = nac_cli.Waveform(np.zeros((1, 16000), np.float32), 16000)
    >>> _ = nac_cli.compress(silence, file := io.BytesIO(), planes=1)
    >>> nac_cli.info(io.BytesIO(file.getvalue())).stream.num_samples
    16000
    """
    with open_stream(source) as file:
        reader = ContainerReader(file)
        modes: Counter[str] = Counter()
        depths, damage = [], []
        for record in reader.chunks():
            if not isinstance(record, ChunkRecord):
                continue
            modes[MODES[record.mode]] += 1
            try:
                depths.append(unpack_side(record.payload, record.num_frames, reader.info).depths)
            except CorruptStream as error:
                damage.append(f"chunk {record.index}: {error}")
        structure = reader.structure()
    damage = [f"byte {d.start}: {d.reason}" for d in reader.damage] + damage
    sizes: Counter[str] = Counter()
    for extent in structure:
        sizes[extent.kind] += extent.size
    stream, total = reader.info, sum(sizes.values())
    mean = np.concatenate(depths, axis=1).mean(axis=1) if depths else np.zeros(stream.channels)
    return FileInfo(
        name=name_of(source),
        stream=stream, version=tuple(reader.version), file_bytes=total,
        bitrate=8 * total / stream.duration if stream.duration else None,
        chunks=sum(modes.values()), modes=dict(modes), depths=tuple(float(round(d, 3)) for d in mean),
        bytes_by_kind=dict(sizes), tags=reader.tags, installed=_installed(stream), damage=tuple(damage),
    )


def _installed(stream: StreamInfo) -> bool:
    try:
        zoo.find_id(stream.codec.model_id, stream.codec.name)
    except ModelError:
        return False
    return True
