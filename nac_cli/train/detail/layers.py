"""Layers of detail to learn from: those of the files that `nac compress` makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from io import BytesIO

from nac_cli.container import ChunkRecord, ContainerReader, DetailRecord
from nac_cli.detail_layer import DetailLayer
from nac_cli.entropy.detail.channels import unpack_layers
from nac_cli.pipelines.compress import Compressor
from nac_cli.pipelines.rate.target import Target
from nac_cli.values import Waveform


@dataclass(frozen=True)
class Example:
    """A layer, and the sound that it is of: its domain, its bitrate in bit/s, whether it is held out."""

    layer: DetailLayer
    domain: str
    bitrate: int
    held_out: bool


def layers_of(wave: Waveform, bitrate: int, compressor: Compressor) -> Iterator[DetailLayer]:
    """The layers of a sound, compressed at `bitrate` in bit/s; none of chunks that have no detail."""
    file = BytesIO()
    replace(compressor, target=Target(bitrate, exact=False)).run(wave, file)
    file.seek(0)
    reader = ContainerReader(file)
    info = reader.info
    for record in reader.chunks():
        if isinstance(record, ChunkRecord) and isinstance(record.detail, DetailRecord):
            samples = record.num_frames * info.codec.hop_length
            layers = unpack_layers(record.detail.payload, info.channels, samples, info.codec.sample_rate)
            yield from (layer for layer in layers if layer is not None)
