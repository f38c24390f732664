"""How fast nac is, stage by stage, and how near to what the machine could do."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from nac_cli.bench.clips import read_clip
from nac_cli.errors import NacError, UsageError
from nac_cli.models import zoo
from nac_cli.values import StreamInfo, Waveform

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec

PEAK_SIZE = 2048
"""Rows and columns of the matrices whose product measures a machine's peak."""
ENTROPY_MODES = ("static", "lm")


@dataclass(frozen=True)
class Pass:
    """Compressing or decompressing one sound: `seconds` by stage, in order. `speed` is seconds of sound a second."""

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


@dataclass(frozen=True)
class Batch:
    """The network alone on `size` sounds at once. `operations` are floating-point ones of matrix products and
    convolutions (a multiplication and an addition are two) for a second of sound; `use` is what was done of the
    machine's measured peak."""

    direction: str
    size: int
    speed: float
    operations: float
    use: float


@dataclass(frozen=True)
class Speed:
    """`peak` is in operations a second, measured by a product of large float32 matrices."""

    model: str
    device: str
    threads: int
    peak: float
    passes: list[Pass]
    batches: list[Batch]


def noise(seconds: float = 30.0, sample_rate: int = 44_100, channels: int = 2) -> Waveform:
    """A sound to measure with when there is none: speed hardly depends on what it is."""
    rng = np.random.default_rng(0)
    samples = 0.1 * rng.standard_normal((channels, int(seconds * sample_rate)))
    return Waveform(samples.astype(np.float32), sample_rate)


def measure(
    waveform: Waveform,
    model: str = zoo.DEFAULT,
    bitrate: int = 6000,
    device: str = "auto",
    threads: int | None = None,
    batches: Sequence[int] = (1, 4),
    repeats: int = 3,
    cold: bool = True,
    progress: Callable[[str], None] = lambda what: None,
) -> Speed:
    """The least of `repeats` times for everything that is warm; with `cold` one time for a process that starts anew.

    `bitrate` is that of a channel pair or single channel. Raises what `compress` does.
    """
    import torch

    from nac_cli.pipelines.runtime import choose_device, open_model

    file, device = zoo.find(model), choose_device(device, threads)
    codec = open_model(file, device, threads)
    lm = zoo.lm_beside(file) is not None
    has = {"static": True, "lm": lm}
    passes: list[Pass] = []
    with TemporaryDirectory() as folder:
        source = Path(folder) / "sound.wav"
        soundfile.write(source, waveform.samples.T, waveform.sample_rate, subtype="PCM_16")
        for entropy in (mode for mode in ENTROPY_MODES if has[mode]):
            entropy = _possible(file, entropy)
            progress(f"stages, {entropy}")
            runs = [_stages(source, codec, file, entropy, bitrate, threads) for _ in range(repeats + 1)][1:]
            passes += [_fastest(parts) for parts in zip(*runs)]
            if cold:
                progress(f"cold, {entropy}")
                passes += _cold(source, file.path, entropy, bitrate, device, threads, waveform.duration)
    progress("the machine's peak")
    peak = peak_operations(device)
    found = []
    for size in batches:
        progress(f"batch of {size}")
        found += _batch(codec, size, device, repeats, peak)
    return Speed(file.spec.name, _device_name(device), torch.get_num_threads(), peak, passes, found)


def peak_operations(device: str, repeats: int = 5) -> float:
    """Operations a second of a product of square float32 matrices, the best of `repeats`."""
    import torch

    a = torch.randn(PEAK_SIZE, PEAK_SIZE, device=device)
    times = []
    for _ in range(repeats + 1):
        with _timed(device) as seconds:
            a @ a
        times.append(seconds())
    return 2 * PEAK_SIZE**3 / min(times[1:])


def count_operations(work: Callable[[], object]) -> int:
    """Floating-point operations of matrix products, convolutions and attention in `work`, by torch's own count."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _stages(source: Path, codec: Codec, file, entropy: str, bitrate: int, threads: int | None) -> list[Pass]:
    """Compress and decompress with each stage's work done before the next begins."""
    from nac_cli.audio import Resampler, create_audio, open_audio, open_source
    from nac_cli.container import ContainerReader, ContainerWriter
    from nac_cli.pipelines.analysis import analyse
    from nac_cli.pipelines.compress import BLOCK_SAMPLES, GROUPS
    from nac_cli.pipelines.decoding import decode_records
    from nac_cli.pipelines.fitting import fit_default
    from nac_cli.pipelines.packing import Packer, with_lm_id
    from nac_cli.pipelines.runtime import CodersToUnpack, coders_to_pack
    from nac_cli.pipelines.stages import device_of
    from nac_cli.pipelines.synthesis import synthesise

    device = device_of(codec).type
    coders, modes = coders_to_pack(file, entropy, threads)
    packed, restored = source.with_suffix(".nac"), source.with_suffix(".out.wav")
    there, back = _Clock(device), _Clock(device)
    with there("read"), closing(open_source(source)) as origin, open_audio(origin, lambda message: None) as reader:
        blocks = list(reader.blocks(BLOCK_SAMPLES))
        rate, channels = reader.sample_rate, reader.channels
    length = sum(block.shape[1] for block in blocks)
    info = StreamInfo(file.spec, rate, channels, GROUPS[channels], length, 16)
    with _inside(codec.encoder, device) as network, _inside_call(codec, "encode", device) as whole, there("prepare"):
        chunks = list(analyse(blocks, info, codec))
    there.move("prepare", "encode", network())
    there.move("prepare", "quantise", whole() - network())
    with there("entropy"):
        packer = Packer(chunks, info, coders, modes)
        records = fit_default(packer, bitrate * len(info.groups))
    with there("write"), open(packed, "wb") as target:
        writer = ContainerWriter(target, with_lm_id(info, records, coders))
        for record in records:
            writer.write_chunk(record)
        writer.finish(length)
    with back("read"), open(packed, "rb") as origin:
        stream = ContainerReader(origin)
        records = list(stream.chunks())
    with back("entropy"):
        unpack = CodersToUnpack(file, stream.info, threads)
        codes = list(decode_records(records, stream.info, unpack, [], strict=True))
    with _inside(codec.decoder, device) as network, _inside_call(codec, "decode", device) as whole, back("finish"):
        waves = list(synthesise(codes, stream.info, codec))
    back.move("finish", "dequantise", whole() - network())
    back.move("finish", "decode", network())
    with back("write"):
        resampler = Resampler(channels, file.spec.sample_rate, rate)
        parts = [*(resampler.push(wave) for wave in waves), resampler.finish()]
        samples = np.concatenate(parts, axis=1)[:, :length]
        with create_audio(restored, rate, channels, "wav", 16, length) as audio:
            audio.write(samples)
    seconds = length / rate
    order = ("read", "entropy", "dequantise", "decode", "finish", "write")
    return [
        Pass("compress", entropy, "warm", there.seconds, seconds),
        Pass("decompress", entropy, "warm", {name: back.seconds[name] for name in order}, seconds),
    ]


class _Clock:
    """Seconds by stage."""

    def __init__(self, device: str) -> None:
        self.device, self.seconds = device, {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        with _timed(self.device) as seconds:
            yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds()

    def move(self, source: str, target: str, seconds: float) -> None:
        self.seconds[source] -= seconds
        self.seconds[target] = self.seconds.get(target, 0.0) + seconds


@contextmanager
def _timed(device: str) -> Iterator[Callable[[], float]]:
    """The function gives the seconds of the block, once it is over and the device has finished."""
    _wait(device)
    started, ended = time.perf_counter(), [0.0]
    yield lambda: ended[0] - started
    _wait(device)
    ended[0] = time.perf_counter()


def _wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


@contextmanager
def _inside(module, device: str) -> Iterator[Callable[[], float]]:
    """Seconds that a module's forward passes take in the block."""
    total, begun = [0.0], [0.0]

    def before(*_: object) -> None:
        _wait(device)
        begun[0] = time.perf_counter()

    def after(*_: object) -> None:
        _wait(device)
        total[0] += time.perf_counter() - begun[0]

    handles = [module.register_forward_pre_hook(before), module.register_forward_hook(after)]
    try:
        yield lambda: total[0]
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def _inside_call(codec: Codec, name: str, device: str) -> Iterator[Callable[[], float]]:
    """Seconds that a method of this one codec takes in the block."""
    method, total = getattr(codec, name), [0.0]

    def timed(*args: object) -> object:
        with _timed(device) as seconds:
            result = method(*args)
        total[0] += seconds()
        return result

    setattr(codec, name, timed)
    try:
        yield lambda: total[0]
    finally:
        delattr(codec, name)


def _fastest(passes: Sequence[Pass]) -> Pass:
    """The least time of every stage."""
    stages = {name: min(one.seconds[name] for one in passes) for name in passes[0].seconds}
    return replace(passes[0], seconds=stages)


def _possible(file, entropy: str) -> str:
    """`static`, or `packed` for a model without tables."""
    from nac_cli.pipelines.runtime import open_tables

    return "packed" if entropy == "static" and open_tables(file) is None else entropy


def _cold(source: Path, model: Path, entropy: str, bitrate: int, device: str, threads: int | None, seconds: float) -> list[Pass]:
    """Both commands as a user starts them, with Python, libraries and model to load."""
    packed, restored = source.with_suffix(".cold.nac"), source.with_suffix(".cold.wav")
    common = ["--device", device, *(["--threads", str(threads)] if threads else []), "--quiet", "--force"]
    commands = {
        "compress": ["compress", str(source), "-o", str(packed), "--model", str(model), "--entropy", entropy, *common],
        "decompress": ["decompress", str(packed), "-o", str(restored), *common],
    }
    environment = os.environ | {"NAC_MODELS": str(model.parent)}
    passes = []
    for direction, arguments in commands.items():
        started = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "nac_cli", *arguments], env=environment, stderr=subprocess.PIPE)
        said = process.stderr.read().decode(errors="replace").strip()
        _, status, used = os.wait4(process.pid, 0)
        process.stderr.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise NacError(f"nac {direction} failed in a process of its own: {said}")
        elapsed = time.perf_counter() - started
        passes.append(Pass(direction, entropy, "cold", {"all": elapsed}, seconds, _bytes(used)))
    return passes


def _bytes(used: resource.struct_rusage) -> int:
    return used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _batch(codec: Codec, size: int, device: str, repeats: int, peak: float) -> list[Batch]:
    """The network on `size` channels of ten seconds."""
    import torch

    frames = -(-10 * codec.spec.sample_rate // codec.spec.hop_length)
    frames += -frames % max(codec.spec.strides)
    wav = torch.randn(size, 1, frames * codec.spec.hop_length, device=device)
    seconds_of_sound = wav.shape[-1] * size / codec.spec.sample_rate
    found = []
    with torch.inference_mode():
        codes = codec.encode(wav).codes
        for direction, work in (("compress", lambda: codec.encode(wav)), ("decompress", lambda: codec.decode(codes))):
            times = []
            for _ in range(repeats):
                with _timed(device) as seconds:
                    work()
                times.append(seconds())
            operations = count_operations(work)
            use = operations / min(times) / peak
            found.append(Batch(direction, size, seconds_of_sound / min(times), operations / seconds_of_sound, use))
    return found


def _device_name(device: str) -> str:
    import torch

    if device == "cuda":
        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")


def sound_of(path: Path | None) -> Waveform:
    """The clip, or half a minute of noise. Raises AudioError, UsageError for too many channels."""
    waveform = noise() if path is None else read_clip(path)
    if waveform.channels > 8:
        raise UsageError(f"{path}: nac takes up to 8 channels")
    return waveform
