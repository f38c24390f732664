"""How fast nac is, stage by stage, and how near to what the machine could do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from nac_cli.bench.clips import read_clip
from nac_cli.bench.memory import peak_bytes
from nac_cli.bench.stages import Pass, stages
from nac_cli.bench.stopwatch import timed
from nac_cli.errors import NacError, UsageError
from nac_cli.models import zoo
from nac_cli.values import MAX_CHANNELS, Mode, Waveform

if TYPE_CHECKING:
    from nac_cli.models.codec import Codec
    from nac_cli.models.weights import WeightFile

PEAK_SIZE = 2048
"""Rows and columns of the matrices whose product measures a machine's peak."""
WATCH_SECONDS = 0.02
"""Between two looks at the memory of a process."""


@dataclass(frozen=True)
class Batch:
    """The network alone on `size` sounds at once. `operations` are floating-point ones of matrix products and
    convolutions (a multiplication and an addition are two) for a second of sound; `use` is what was done of
    the machine's measured peak."""

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
    """The least of `repeats` times for everything that is warm; with `cold` one time for a process that
    starts anew.

    `bitrate` is that of a channel pair or single channel. Raises what `compress` does.
    """
    import torch

    from nac_cli.pipelines.models.opening import choose_device, open_model

    file, device = zoo.find(model), choose_device(device, threads)
    codec = open_model(file, device, threads)
    passes: list[Pass] = []
    with TemporaryDirectory() as folder:
        source = Path(folder) / "sound.wav"
        soundfile.write(source, waveform.samples.T, waveform.sample_rate, subtype="PCM_16")
        for entropy in _modes(file):
            progress(f"stages, {entropy}")
            runs = [stages(source, codec, file, entropy, bitrate, threads) for _ in range(repeats + 1)][1:]
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
        with timed(device) as seconds:
            a @ a
        times.append(seconds())
    return 2 * PEAK_SIZE**3 / min(times[1:])


def count_operations(work: Callable[[], object]) -> int:
    """Floating-point operations of matrix products, convolutions and attention in `work`, by torch's own
    count."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def _fastest(passes: Sequence[Pass]) -> Pass:
    """The least time of every stage."""
    least = {name: min(one.seconds[name] for one in passes) for name in passes[0].seconds}
    return replace(passes[0], seconds=least)


def _modes(file: WeightFile) -> list[str]:
    """The entropy modes to measure: by the model's tables, or `packed` where it has none; by its language model."""
    from nac_cli.pipelines.models.opening import open_tables

    modes = [Mode.PACKED if open_tables(file) is None else Mode.STATIC]
    if zoo.lm_beside(file) is not None:
        modes.append(Mode.LM)
    return [mode.label for mode in modes]


def _cold(
    source: Path, model: Path, entropy: str, bitrate: int, device: str, threads: int | None, seconds: float
) -> list[Pass]:
    """Both commands as a user starts them, with Python, libraries and model to load."""
    packed, restored = source.with_suffix(".cold.nac"), source.with_suffix(".cold.wav")
    common = ["--device", device, *(["--threads", str(threads)] if threads else []), "--quiet", "--force"]
    commands = {
        "compress": [
            "compress",
            str(source),
            "-o",
            str(packed),
            "--model",
            str(model),
            "--entropy",
            entropy,
            *common,
        ],
        "decompress": ["decompress", str(packed), "-o", str(restored), *common],
    }
    environment = os.environ | {"NAC_MODELS": str(model.parent)}
    passes = []
    for direction, arguments in commands.items():
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "nac_cli", *arguments], env=environment, stderr=subprocess.PIPE
        )
        said, memory = _ended(process)
        if process.returncode:
            raise NacError(f"nac {direction} failed in a process of its own: {said}")
        elapsed = time.perf_counter() - started
        passes.append(Pass(direction, entropy, "cold", {"all": elapsed}, seconds, memory))
    return passes


def _ended(process: subprocess.Popen) -> tuple[str, int | None]:
    """The text of a process on stderr, and its peak memory in bytes where the system tells: asked again and again,
    since the figure is gone once the process has ended."""
    memory = None
    while True:
        memory = peak_bytes(process.pid) or memory
        try:
            return process.communicate(timeout=WATCH_SECONDS)[1].decode(errors="replace").strip(), memory
        except subprocess.TimeoutExpired:
            pass


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
        for direction, work in (
            ("compress", lambda: codec.encode(wav)),
            ("decompress", lambda: codec.decode(codes)),
        ):
            times = []
            for _ in range(repeats):
                with timed(device) as seconds:
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
    if waveform.channels > MAX_CHANNELS:
        raise UsageError(f"{path}: nac takes up to {MAX_CHANNELS} channels")
    return waveform
