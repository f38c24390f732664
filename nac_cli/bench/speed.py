"""How fast nac is, stage by stage and as a whole, and how near to what the machine could do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from nac_cli.bench.clips import read_clip
from nac_cli.bench.floors import Machine, disk_rate, network_operations, peak_operations
from nac_cli.bench.lengths import Run, runs
from nac_cli.bench.rivals import Rival, rivals
from nac_cli.bench.stages import Pass, stages
from nac_cli.bench.stopwatch import least
from nac_cli.errors import UsageError
from nac_cli.models import zoo
from nac_cli.models.spectral_arrays import SpectralArrays
from nac_cli.values import MAX_CHANNELS, Mode, Waveform

if TYPE_CHECKING:
    from nac_cli.models.weights import WeightFile
    from nac_cli.pipelines.chain.inference import Network

BATCH_SECONDS = 10.0


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
    """`runs` are whole commands, `passes` one sound stage by stage, `batches` the network alone, `rivals` others."""

    model: str
    device: str
    threads: int
    machine: Machine
    runs: list[Run] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    batches: list[Batch] = field(default_factory=list)
    rivals: list[Rival] = field(default_factory=list)


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
    lengths: Sequence[int] = (3, 30, 240),
    files: int = 50,
    batches: Sequence[int] = (1, 4),
    repeats: int = 3,
    progress: Callable[[str], None] = lambda what: None,
) -> Speed:
    """The least of `repeats` times for everything.

    Whole commands are run on sounds of `lengths` seconds and on as many `files` of a second, all cut from `waveform`;
    its stages are those of its own length. `bitrate` is that of a channel pair or single channel. Raises what
    `compress` does.
    """
    from nac_cli.pipelines.models.opening import choose_device, open_network, processors

    file, device = zoo.find(model), choose_device(device, threads)
    codec = open_network(file, device, threads)
    workers = threads or processors()
    progress("the machine")
    with TemporaryDirectory() as folder:
        machine = Machine(peak_operations(device, workers), disk_rate(Path(folder)))
        found = Speed(file.spec.name, _device_name(device), workers, machine)
        source = Path(folder) / "sound.wav"
        soundfile.write(source, waveform.samples.T, waveform.sample_rate, subtype="PCM_16")
        for entropy in _modes(file):
            progress(f"stages, {entropy}")
            several = [
                stages(source, codec, file, entropy, bitrate, device, threads, machine) for _ in range(repeats + 1)
            ]
            found.passes.extend(map(_fastest, zip(*several[1:])))
            for seconds, count in [*((length, 1) for length in lengths), *[(1, files)] * (files > 0)]:
                progress(f"{seconds} s{f', {count} files' if count > 1 else ''}, {entropy}")
                found.runs.extend(runs(waveform, seconds, count, file.path, entropy, bitrate, device, threads, repeats))
    for size in batches:
        progress(f"batch of {size}")
        found.batches.extend(_batch(codec, size, device, repeats, machine.operations))
    progress("other codecs")
    found.rivals.extend(rivals(waveform, bitrate * -(-waveform.channels // 2), workers, repeats, progress))
    return found


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


def _batch(codec: Network, size: int, device: str, repeats: int, peak: float) -> list[Batch]:
    """The network on `size` channels of ten seconds."""
    frames = -(-round(BATCH_SECONDS * codec.spec.sample_rate) // codec.spec.hop_length)
    frames += -frames % max(codec.spec.strides)
    length = frames * codec.spec.hop_length
    wav = np.random.default_rng(0).standard_normal((size, codec.channels, length), np.float32)
    seconds_of_sound = length * size / codec.spec.sample_rate
    found = []
    for direction, work, operations in _halves(codec, wav, device):
        seconds = least(work, repeats, device, before=0)
        use = operations / seconds / peak
        found.append(Batch(direction, size, seconds_of_sound / seconds, operations / seconds_of_sound, use))
    return found


def _halves(codec: Network, wav: np.ndarray, device: str) -> list[tuple[str, Callable[[], object], float]]:
    """Directions, what does them to `wav` `[B, M, L]`, and the operations that it takes."""
    if isinstance(codec, SpectralArrays):
        planes, _ = codec.encode_arrays(wav)
        seconds = wav.shape[0] * wav.shape[2] / codec.spec.sample_rate
        counted = network_operations(codec.config)
        return [
            ("compress", lambda: codec.encode_arrays(wav), counted["encode"] * seconds),
            ("decompress", lambda: codec.decode_arrays(planes), counted["decode"] * seconds),
        ]
    import torch

    batch = torch.from_numpy(wav).to(device)

    def encode() -> object:
        with torch.inference_mode():
            return codec.encode(batch)

    with torch.inference_mode():
        codes = codec.encode(batch).codes

    def decode() -> object:
        with torch.inference_mode():
            return codec.decode(codes)

    return [
        ("compress", encode, float(count_operations(encode))),
        ("decompress", decode, float(count_operations(decode))),
    ]


def _device_name(device: str) -> str:
    if device == "cuda":
        import torch

        return torch.cuda.get_device_name()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "CPU")


def sound_of(path: Path | None) -> Waveform:
    """The clip, or half a minute of noise. Raises AudioError, UsageError for too many channels."""
    waveform = noise() if path is None else read_clip(path)
    if waveform.channels > MAX_CHANNELS:
        raise UsageError(f"{path}: nac takes up to {MAX_CHANNELS} channels")
    return waveform
