"""Layers of detail to learn from: those of the files that `nac compress` makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from nac_cli.container import DetailRecord
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
    at_bitrate = replace(compressor, target=Target(bitrate, exact=False))
    with at_bitrate.read(wave, lambda message: None) as sound:
        analysed = at_bitrate.analyse(sound)
    fitted = at_bitrate.fit(analysed)
    codec = fitted.info.codec
    for record in fitted.records:
        if isinstance(record.detail, DetailRecord):
            samples = record.num_frames * codec.hop_length
            layers = unpack_layers(record.detail.payload, fitted.info.channels, samples, codec.sample_rate)
            yield from (layer for layer in layers if layer is not None)
