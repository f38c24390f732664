"""Detail on its way through the chain: records to layers and back, layers onto the sound of the codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from nac_cli.container import ChunkRecord, DetailRecord, LostDetail
from nac_cli.detail_layer import DetailLayer
from nac_cli.errors import CorruptStream, TokenMismatch
from nac_cli.kernels.blas import one_thread
from nac_cli.values import ChunkCodes, StreamInfo


def unpack_detail(chunk: ChunkCodes, record: ChunkRecord, info: StreamInfo) -> ChunkCodes:
    """`chunk` with the layers that its record holds. Raises CorruptStream for detail that was damaged, TokenMismatch
    where intact bytes do not give the encoder's integers."""
    if record.detail is None:
        return chunk
    if isinstance(record.detail, LostDetail):
        raise CorruptStream(record.detail.reason)
    from nac_cli.entropy.detail.channels import layers_checksum, unpack_layers

    num_samples = chunk.num_frames * info.codec.hop_length
    try:
        layers = unpack_layers(record.detail.payload, info.channels, num_samples, info.codec.sample_rate)
    except CorruptStream as error:
        raise TokenMismatch(f"chunk {record.index}: the bytes of its detail are intact, but {error}") from error
    if layers_checksum(layers) != record.detail.token_checksum:
        raise TokenMismatch(
            f"chunk {record.index}: the bytes of its detail are intact, but they decode to other integers than were "
            "encoded; the file was made with other tables, or by a faulty encoder"
        )
    return replace(chunk, detail=layers)


def detail_record(index: int, layers: Sequence[DetailLayer | None], sample_rate: int) -> DetailRecord | None:
    """The record of a chunk's layers, None if there is no layer."""
    from nac_cli.entropy.detail.channels import layers_checksum, pack_layers

    if all(layer is None for layer in layers):
        return None
    return DetailRecord(index, layers_checksum(layers), pack_layers(layers, sample_rate))


def with_layers(base: np.ndarray, layers: Sequence[DetailLayer | None], sample_rate: int) -> np.ndarray:
    """The sound of the codes `[C, L]`, level not yet put back, with its detail."""
    if not any(layer is not None for layer in layers):
        return base
    from nac_cli.detail.synthesis import add_detail

    with one_thread():
        return np.stack([
            channel if layer is None else add_detail(channel, layer, sample_rate)
            for channel, layer in zip(base, layers)
        ])  # fmt: skip
