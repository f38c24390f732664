"""Description of a `.nac` file: header, statistics, tags; without decoding it (and without torch)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nac_cli.container import MODES, ChunkRecord, ContainerReader
from nac_cli.entropy import code_counts, split_payload
from nac_cli.errors import CorruptStream, ModelError
from nac_cli.models import zoo
from nac_cli.pipelines.endpoints import name_of, open_stream
from nac_cli.speakers import names_of, usual
from nac_cli.values import StreamInfo, Tags


@dataclass(frozen=True)
class FileInfo:
    """A stream's header and statistics. Sizes in bytes, bitrates in bit/s.

    `bytes_by_kind` sums the file's blocks by type; `modes` counts chunks by entropy mode, and `code_bits` has the mean
    bits of a code in each, coder and padding included (a mode that no code is in is left out); `depths[c]` is the mean
    number of planes of coded channel c, `plane_codes[k]` the number of codes of plane k; `installed` says whether the
    model is here, `lm_installed` whether the language model is (None: the file needs none); `damage` lists what is
    wrong with the structure, in words.
    """

    name: str
    stream: StreamInfo
    version: tuple[int, int]
    file_bytes: int
    bitrate: float | None
    chunks: int
    modes: dict[str, int]
    code_bits: dict[str, float]
    depths: tuple[float, ...]
    plane_codes: tuple[int, ...]
    bytes_by_kind: dict[str, int]
    tags: Tags
    installed: bool
    lm_installed: bool | None
    damage: tuple[str, ...]

    def as_dict(self) -> dict:
        """Plain values for JSON; pictures by type and size."""
        stream, codec = self.stream, self.stream.codec
        return {
            "file": self.name,
            "version": ".".join(map(str, self.version)),
            "bytes": self.file_bytes,
            "seconds": stream.duration,
            "samples": stream.num_samples,
            "sample_rate": stream.sample_rate,
            "channels": stream.channels,
            "groups": list(stream.groups),
            "speakers": list(
                names_of(usual(stream.channels) if stream.speakers is None else stream.speakers, stream.channels)
            ),
            "source_bits": stream.source_bits,
            "bitrate": self.bitrate,
            "chunks": self.chunks,
            "modes": self.modes,
            "code_bits": self.code_bits,
            "depths": list(self.depths),
            "plane_codes": list(self.plane_codes),
            "bytes_by_kind": self.bytes_by_kind,
            "model": {
                "name": codec.name,
                "family": codec.family,
                "id": codec.model_id.hex(),
                "installed": self.installed,
                "sample_rate": codec.sample_rate,
                "hop_length": codec.hop_length,
                "codebooks": codec.num_codebooks,
            },
            "lm": stream.lm_id and {"id": stream.lm_id.hex(), "installed": self.lm_installed},
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
        bits: Counter[str] = Counter()
        codes: Counter[str] = Counter()
        plane_codes = np.zeros(reader.info.codec.num_codebooks, np.int64)
        depths, damage = [], []
        for record in reader.chunks():
            if not isinstance(record, ChunkRecord):
                continue
            mode = MODES[record.mode]
            modes[mode] += 1
            try:
                side, tokens = split_payload(record.payload, record.num_frames, reader.info)
            except CorruptStream as error:
                damage.append(f"chunk {record.index}: {error}")
                continue
            counts = code_counts(side.depths, record.num_frames, reader.info)
            depths.append(side.depths)
            bits[mode] += 8 * len(tokens)
            codes[mode] += int(counts.sum())
            plane_codes += counts
        structure = reader.structure()
    damage = [f"byte {d.start}: {d.reason}" for d in reader.damage] + damage
    sizes: Counter[str] = Counter()
    for extent in structure:
        sizes[extent.kind] += extent.size
    stream, total = reader.info, sum(sizes.values())
    mean = np.concatenate(depths, axis=1).mean(axis=1) if depths else np.zeros(stream.channels)
    return FileInfo(
        name=name_of(source),
        stream=stream,
        version=reader.version,
        file_bytes=total,
        bitrate=8 * total / stream.duration if stream.duration else None,
        chunks=sum(modes.values()),
        modes=dict(modes),
        code_bits={mode: round(bits[mode] / count, 3) for mode, count in codes.items() if count},
        depths=tuple(float(round(d, 3)) for d in mean),
        plane_codes=tuple(plane_codes.tolist()),
        bytes_by_kind=dict(sizes),
        tags=reader.tags,
        installed=_installed(zoo.find_id, stream.codec.model_id, stream.codec.name),
        lm_installed=_installed(zoo.find_lm_id, stream.lm_id, stream.codec.name) if stream.lm_id else None,
        damage=tuple(damage),
    )


def _installed(find: Callable[[bytes, str], object], model_id: bytes, name: str) -> bool:
    try:
        find(model_id, name)
    except ModelError:
        return False
    return True
