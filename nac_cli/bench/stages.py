"""Compressing and decompressing with each step done before the next begins, so that it can be timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from nac_cli.bench.floors import Machine, lm_operations, network_operations
from nac_cli.bench.stopwatch import Clock, inside, inside_call, under_way
from nac_cli.models.spectral_arrays import SpectralArrays

if TYPE_CHECKING:
    from nac_cli.models.codec import TrainableCodec
    from nac_cli.models.weights import WeightFile
    from nac_cli.pipelines.chain.inference import Network
    from nac_cli.pipelines.models.opening import CodersToUnpack
    from nac_cli.values import ChunkCodes

ORDER = {
    "compress": ("read", "prepare", "encode", "quantise", "entropy", "decode", "detail", "write"),
    "decompress": ("read", "entropy", "dequantise", "decode", "finish", "write"),
}
"""Stages. Of a network in numpy the codes count as a part of the network. Detail needs the sound of the codes; while it
is decoded, the detail of what is there already is looked at."""


@dataclass(frozen=True)
class Pass:
    """Compressing or decompressing one sound: `seconds` by stage, in order, and of some the least that the machine
    could take (`floors`). `speed` is seconds of sound a second."""

    direction: str
    entropy: str
    seconds: dict[str, float]
    floors: dict[str, float]
    sound_seconds: float

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def speed(self) -> float:
        return self.sound_seconds / max(self.total, 1e-9)


def stages(
    source: Path,
    codec: Network,
    file: WeightFile,
    entropy: str,
    bitrate: int,
    device: str,
    threads: int | None,
    machine: Machine,
) -> list[Pass]:
    """Compress and decompress `source` by the steps of `Compressor` and `Decompressor`, each one's work done before the
    next begins. `codec` is the network of `file` as `open_network` gives it, `bitrate` that of a channel group."""
    packed, restored = source.with_suffix(".nac"), source.with_suffix(".out.wav")
    there, seconds = _compressing(source, packed, codec, file, entropy, bitrate, device, threads)
    back, chunks, coders = _decompressing(packed, restored, codec, file, device, threads)
    network, model = _operations(codec, chunks, coders)
    clocks = {"compress": there, "decompress": back}
    disk = {
        "compress": {"read": source.stat().st_size, "write": packed.stat().st_size},
        "decompress": {"read": packed.stat().st_size, "write": restored.stat().st_size},
    }
    passes = []
    for direction, order in ORDER.items():
        floors = {name: size / machine.disk for name, size in disk[direction].items()}
        spent = {name: clocks[direction].seconds[name] for name in order if name in clocks[direction].seconds}
        floors |= {name: count / machine.operations for name, count in (network | model).items() if name in spent}
        passes.append(Pass(direction, entropy, spent, floors, seconds))
    return passes


def _operations(
    codec: Network, chunks: list[ChunkCodes], coders: CodersToUnpack
) -> tuple[dict[str, float], dict[str, float]]:
    """Operations of the network by stage, where nac counts them itself, and of a language model that packed `chunks`.
    Both for all channels, silent ones aside."""
    from nac_cli.values import Mode

    rate = codec.spec.frame_rate
    seconds = sum(chunk.num_frames / rate * len(chunk.depths) for chunk in chunks)
    network = network_operations(codec.config) if isinstance(codec, SpectralArrays) else {}
    network = {name: count * seconds for name, count in network.items()}
    lm = coders.for_mode(Mode.LM).lm
    if lm is None or not chunks:
        return network, {}
    planes = sum(chunk.depths.mean() * chunk.num_frames for chunk in chunks) / sum(one.num_frames for one in chunks)
    return network, {"entropy": lm_operations(lm.config, float(planes), rate) * seconds}


def _compressing(
    source: Path,
    packed: Path,
    codec: Network,
    file: WeightFile,
    entropy: str,
    bitrate: int,
    device: str,
    threads: int | None,
) -> tuple[Clock, float]:
    """Seconds by stage, and seconds of sound."""
    from nac_cli.pipelines.compress import Compressor
    from nac_cli.pipelines.rate.target import Target

    target, clock = Target(group_bitrate=bitrate), Clock(device)
    compressor = Compressor.open(file.path, target, entropy=entropy, device=device, threads=threads)
    with clock("read"), compressor.read(source, lambda message: None) as sound:
        sound = replace(sound, blocks=iter(list(sound.blocks)))
    with _halves(codec, "encode", device) as (network, whole), clock("prepare"):
        analysed = compressor.analyse(sound)
    clock.move("prepare", "encode", network())
    if whole() > network():
        clock.move("prepare", "quantise", whole() - network())
    with clock("entropy"):
        fitted = compressor.fit(analysed)
    if fitted.beneath is not None:
        with _halves(codec, "decode", device) as (_, base), clock("detail"):
            fitted = compressor.refine(fitted, analysed.held)
        clock.move("detail", "decode", base())
    with clock("write"):
        compressor.write(compressor.stream(fitted), packed, force=True)
    return clock, analysed.seconds


def _decompressing(
    packed: Path, restored: Path, codec: Network, weights: WeightFile, device: str, threads: int | None
) -> tuple[Clock, list[ChunkCodes], CodersToUnpack]:
    """Seconds by stage, the chunks, and what unpacked them."""
    from nac_cli.container import ContainerReader
    from nac_cli.pipelines.chain.span import Span
    from nac_cli.pipelines.decompress import Decompressor
    from nac_cli.values import ChunkCodes

    clock = Clock(device)
    with open(packed, "rb") as file:
        with clock("read"):
            reader = ContainerReader(file, strict=True)
        decompressor, span = Decompressor.open(reader, device, threads, True, weights), Span.of(reader.info)
        with clock("read"):
            records = list(decompressor.read(span))
        with clock("entropy"):
            codes = list(decompressor.unpack(records, span))
        with _halves(codec, "decode", device) as (network, whole), clock("finish"):
            waves = list(decompressor.synthesise(codes, span))
        clock.move("finish", "decode", network())
        if whole() > network():
            clock.move("finish", "dequantise", whole() - network())
        with clock("write"):
            blocks = decompressor.cut(decompressor.resample(waves, span), span)
            decompressor.write(blocks, span, restored, "wav", 16, force=True)
    return clock, [chunk for chunk in codes if isinstance(chunk, ChunkCodes)], decompressor.coders


@contextmanager
def _halves(codec: Network, name: str, device: str) -> Iterator[tuple[Callable[[], float], Callable[[], float]]]:
    """Seconds of the network's half that "encode" or "decode" runs, and of all that the codec does for it."""
    if isinstance(codec, SpectralArrays):
        with under_way(codec, f"{name}_arrays") as both:
            yield both, both
        return
    module = cast("TrainableCodec", codec).get_submodule(f"{name}r")
    with inside(module, device) as network, inside_call(cast("TrainableCodec", codec), name, device) as whole:
        yield network, whole
