"""Compressing and decompressing sounds of several lengths, and many short ones: in a process of their own, as a user
starts it, and in one that has all it needs loaded."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from nac_cli.bench.memory import peak_bytes
from nac_cli.bench.stopwatch import least
from nac_cli.errors import NacError
from nac_cli.pipelines.rate.target import DEFAULT_BITRATE
from nac_cli.values import Waveform

WATCH_SECONDS = 0.02
"""Between two looks at the memory of a process."""


@dataclass(frozen=True)
class Run:
    """`files` sounds of `sound_seconds` each in one command. `process` are the seconds of a process that does it and
    `inside` those within a process that has done it before, the least of some; `processor` are seconds of processors
    that the process took, `peak_bytes` its memory, where the system tells."""

    direction: str
    entropy: str
    files: int
    sound_seconds: float
    process: float
    inside: float
    processor: float | None
    peak_bytes: int | None

    @property
    def speed(self) -> float:
        """Seconds of sound in a second of the process."""
        return self.files * self.sound_seconds / self.process


def runs(
    waveform: Waveform,
    seconds: float,
    files: int,
    model: Path,
    entropy: str,
    bitrate: int,
    device: str,
    threads: int | None,
    repeats: int,
) -> list[Run]:
    """Both directions for `files` sounds of `seconds`, which are cut from `waveform` over and over again."""
    import nac_cli

    options: dict[str, Any] = {"device": device, "threads": threads, "force": True}
    with TemporaryDirectory() as name:
        folder = Path(name)
        sources = _cut(waveform, seconds, files, folder)
        packed = [source.with_suffix(".nac") for source in sources]
        restored = [source.with_suffix(".back.wav") for source in sources]
        # a second may be too short for what is asked for in so many words, but not for the default
        whole = None if bitrate == DEFAULT_BITRATE else bitrate * -(-waveform.channels // 2)

        def compress() -> None:
            for source, target in zip(sources, packed, strict=True):
                nac_cli.compress(source, target, bitrate=whole, model=model, entropy=entropy, **options)

        def decompress() -> None:
            for source, target in zip(packed, restored, strict=True):
                nac_cli.decompress(source, target, **options)

        common = ["--device", device, *(["--threads", str(threads)] if threads else []), "--quiet", "--force"]
        there = ["compress", *map(str, sources), "--model", str(model), "--entropy", entropy]
        there += [] if whole is None else ["-b", str(whole)]
        back = ["decompress", *map(str, packed)]
        found = []
        for direction, work, command in (("compress", compress, there), ("decompress", decompress, back)):
            inside = least(work, repeats)
            started = [started_process([*command, "-o", name, *common], model.parent) for _ in range(repeats)]
            process, processor, memory = min(started)
            found.append(Run(direction, entropy, files, seconds, process, inside, processor, memory))
    return found


def started_process(arguments: Sequence[str], models: Path) -> tuple[float, float | None, int | None]:
    """Seconds, those of processors, and peak memory of `nac` with `arguments` in a process of its own. Raises NacError
    where it fails."""
    before, started = _children(), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "nac_cli", *arguments],
        env=os.environ | {"NAC_MODELS": str(models)},
        stderr=subprocess.PIPE,
    )
    said, memory = ended(process)
    elapsed, after = time.perf_counter() - started, _children()
    if process.returncode:
        raise NacError(f"nac {arguments[0]} failed in a process of its own: {said}")
    return elapsed, None if before is None or after is None else after - before, memory


def ended(process: subprocess.Popen) -> tuple[str, int | None]:
    """The text of a process on stderr, and its peak memory in bytes where the system tells: asked again and again,
    since the figure is gone once the process has ended."""
    memory = None
    while True:
        memory = peak_bytes(process.pid) or memory
        try:
            return process.communicate(timeout=WATCH_SECONDS)[1].decode(errors="replace").strip(), memory
        except subprocess.TimeoutExpired:
            pass


def _cut(waveform: Waveform, seconds: float, files: int, folder: Path) -> list[Path]:
    length = round(seconds * waveform.sample_rate)
    paths = [folder / f"sound-{number:03}.wav" for number in range(files)]
    for number, path in enumerate(paths):
        places = np.arange(number * length, (number + 1) * length) % waveform.samples.shape[1]
        soundfile.write(path, waveform.samples[:, places].T, waveform.sample_rate, subtype="PCM_16")
    return paths


def _children() -> float | None:
    """Seconds of processors that the ended processes of this one took."""
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
