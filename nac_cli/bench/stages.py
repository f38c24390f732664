"""Compressing and decompressing with each step done before the next begins, so that it can be timed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.bench.stopwatch import Clock, inside, inside_call

if TYPE_CHECKING:
    from nac_cli.models.codec import TrainableCodec
    from nac_cli.models.weights import WeightFile

ORDER = ("read", "entropy", "dequantise", "decode", "finish", "write")
"""Stages of decompressing."""


@dataclass(frozen=True)
class Pass:
    """Compressing or decompressing one sound: `seconds` by stage, in order. `speed` is seconds of sound a
    second."""

    direction: str
    entropy: str
    temperature: str
    seconds: dict[str, float]
    sound_seconds: float
    peak_bytes: int | None = None

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def speed(self) -> float:
        return self.sound_seconds / max(self.total, 1e-9)


def stages(
    source: Path, codec: TrainableCodec, file: WeightFile, entropy: str, bitrate: int, threads: int | None
) -> list[Pass]:
    """Compress and decompress `source` by the steps of `Compressor` and `Decompressor`, each one's work done before the
    next begins. `codec` is the network of `file` as `open_model` gives it, `bitrate` that of a channel group."""
    packed = source.with_suffix(".nac")
    there, seconds = _compressing(source, packed, codec, file, entropy, bitrate, threads)
    back = _decompressing(packed, source.with_suffix(".out.wav"), codec, file, threads)
    return [
        Pass("compress", entropy, "warm", there.seconds, seconds),
        Pass("decompress", entropy, "warm", {name: back.seconds[name] for name in ORDER}, seconds),
    ]


def _compressing(
    source: Path, packed: Path, codec: TrainableCodec, file: WeightFile, entropy: str, bitrate: int, threads: int | None
) -> tuple[Clock, float]:
    """Seconds by stage, and seconds of sound."""
    from nac_cli.pipelines.chain.voices import device_of
    from nac_cli.pipelines.compress import Compressor
    from nac_cli.pipelines.rate.target import Target

    device = device_of(codec).type
    target, clock = Target(group_bitrate=bitrate), Clock(device)
    compressor = Compressor.open(file.path, target, entropy=entropy, device=device, threads=threads)
    with clock("read"), compressor.read(source, lambda message: None) as sound:
        sound = replace(sound, blocks=iter(list(sound.blocks)))
    with (
        inside(codec.get_submodule("encoder"), device) as network,
        inside_call(codec, "encode", device) as whole,
        clock("prepare"),
    ):
        analysed = compressor.analyse(sound)
    clock.move("prepare", "encode", network())
    clock.move("prepare", "quantise", whole() - network())
    with clock("entropy"):
        fitted = compressor.fit(analysed)
    with clock("write"):
        compressor.write(compressor.stream(fitted), packed, force=True)
    return clock, analysed.seconds


def _decompressing(
    packed: Path, restored: Path, codec: TrainableCodec, weights: WeightFile, threads: int | None
) -> Clock:
    from nac_cli.container import ContainerReader
    from nac_cli.pipelines.chain.span import Span
    from nac_cli.pipelines.chain.voices import device_of
    from nac_cli.pipelines.decompress import Decompressor

    device = device_of(codec).type
    clock = Clock(device)
    with open(packed, "rb") as file:
        with clock("read"):
            reader = ContainerReader(file, strict=True)
        decompressor, span = Decompressor.open(reader, device, threads, True, weights), Span.of(reader.info)
        with clock("read"):
            records = list(decompressor.read(span))
        with clock("entropy"):
            codes = list(decompressor.unpack(records, span))
        with (
            inside(codec.get_submodule("decoder"), device) as network,
            inside_call(codec, "decode", device) as whole,
            clock("finish"),
        ):
            waves = list(decompressor.synthesise(codes, span))
        clock.move("finish", "dequantise", whole() - network())
        clock.move("finish", "decode", network())
        with clock("write"):
            blocks = decompressor.cut(decompressor.resample(waves, span), span)
            decompressor.write(blocks, span, restored, "wav", 16, force=True)
    return clock
