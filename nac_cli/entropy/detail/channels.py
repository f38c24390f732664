"""The detail of a chunk: the layers of all its coded channels in one payload, and their checksum."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np

from nac_cli.detail_layer import DetailLayer
from nac_cli.entropy.detail.payload import pack, unpack
from nac_cli.errors import CorruptStream
from nac_cli.varint import pack_varint, read_varint

Layers = tuple[DetailLayer | None, ...]
"""One layer, or none, for each coded channel."""
SIZE_BYTES = 4
"""Most bytes in which the size of a layer is written."""


def pack_layers(layers: Sequence[DetailLayer | None], sample_rate: int) -> bytes:
    """For each channel but the last the size of its layer as a varint, 0 for none; then the layers."""
    packed = [b"" if layer is None else pack(layer, sample_rate) for layer in layers]
    return b"".join([*(pack_varint(len(layer)) for layer in packed[:-1]), *packed])


def unpack_layers(payload: bytes, channels: int, num_samples: int, sample_rate: int) -> Layers:
    """Inverse of `pack_layers` for layers of `num_samples`. Raises `CorruptStream` for bytes that it never makes."""
    sizes: list[int] = []
    start = 0
    for _ in range(channels - 1):
        try:
            size, start = read_varint(payload, start, SIZE_BYTES)
        except (EOFError, ValueError) as error:
            raise CorruptStream(f"the size of a detail layer is none ({error})") from error
        sizes.append(size)
    sizes.append(len(payload) - start - sum(sizes))
    if sizes[-1] < 0:
        raise CorruptStream(f"detail layers of {sum(sizes[:-1])} bytes do not fit {len(payload) - start}")
    layers: list[DetailLayer | None] = []
    for size in sizes:
        layers.append(unpack(payload[start : start + size], num_samples, sample_rate) if size else None)
        start += size
    return tuple(layers)


def layers_checksum(layers: Sequence[DetailLayer | None]) -> int:
    """CRC-32 of the integers in order, whatever packed them: of each channel that has a layer its number, step and
    shape, the block lengths, predictions, levels and gains."""
    checksum = 0
    for channel, layer in enumerate(layers):
        if layer is None:
            continue
        parts = (
            np.array([channel, layer.step, layer.shape], "u1"),
            layer.sizes.astype("<u2"),
            layer.predictions.astype("u1"),
            layer.levels.astype("<i4"),
            layer.gains.astype("i1"),
        )
        for part in parts:
            checksum = zlib.crc32(part.tobytes(), checksum)
    return checksum
