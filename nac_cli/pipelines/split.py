"""What the bits of a file are spent on: planes, detail, and everything around them."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from nac_cli.container import MODES, ChunkRecord, ContainerReader, DetailRecord
from nac_cli.entropy import payload_bits
from nac_cli.entropy.detail import measure
from nac_cli.entropy.detail.channels import unpack_layers
from nac_cli.errors import CorruptStream
from nac_cli.pipelines.endpoints import open_stream
from nac_cli.pipelines.models.opening import CodersToUnpack, model_of
from nac_cli.values import StreamInfo


@dataclass(frozen=True)
class Split:
    """Shares of a file's bits, in bit/s: `container` is header, index and blocks; `side` gains, angles and depths;
    `planes[k]` the information in the codes of plane k; `coder` what the entropy coder adds; of detail, `coefficients`
    is the information in the quantised coefficients, `gains` that in the band gains, `blocks` that in block lengths,
    predictions and steps. They add up to the file. `modes` counts the chunks by entropy mode."""

    container: float
    side: float
    planes: tuple[float, ...]
    coder: float
    modes: dict[str, int]
    coefficients: float = 0.0
    gains: float = 0.0
    blocks: float = 0.0


def split_of(source: str | os.PathLike | BinaryIO) -> Split:
    """Where the bits of a `.nac` file or of a file that is open went. Its model must be installed; all codes and all
    detail are decoded.

    Raises as `info`, ModelError where the model or its language model is missing, CorruptStream and TokenMismatch for
    damage.
    """
    with open_stream(source) as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        reader = ContainerReader(file, strict=True)
        info = reader.info
        coders = CodersToUnpack(model_of(info), info)
        side, coder, planes, detail = 0.0, 0.0, np.zeros(info.codec.num_codebooks), np.zeros(3)
        modes: dict[str, int] = {}
        for record in reader.chunks():
            if not isinstance(record, ChunkRecord):
                continue
            bits = payload_bits(record.payload, record.num_frames, info, record.mode, coders.for_mode(record.mode))
            side, coder, planes = side + bits.side, coder + bits.coder, planes + bits.planes
            modes[MODES[record.mode]] = modes.get(MODES[record.mode], 0) + 1
            detail += _detail_bits(record, info)
    seconds = reader.info.duration
    if not seconds:
        raise CorruptStream("the stream is empty, or ends before its index, so that nobody knows how long it is")
    container = 8 * size - side - coder - planes.sum() - detail.sum()
    return Split(
        container / seconds, side / seconds, tuple((planes / seconds).tolist()), coder / seconds, modes,
        *(detail / seconds).tolist(),
    )  # fmt: skip


def _detail_bits(record: ChunkRecord, info: StreamInfo) -> np.ndarray:
    """Bits of the coefficients, of the gains, and of the rest of a chunk's detail."""
    bits = np.zeros(3)
    if isinstance(record.detail, DetailRecord):
        samples, rate = record.num_frames * info.codec.hop_length, info.codec.sample_rate
        for layer in unpack_layers(record.detail.payload, info.channels, samples, rate):
            if layer is not None:
                measured = measure(layer, rate)
                bits += measured.levels, measured.gains, measured.side
    return bits
