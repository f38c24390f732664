"""Speed of the language model, by hand: `python -m tests.entropy.lm.speed [--workers 2] [--profile]`.

The model has the shape of the one that ships and random weights. The work is a stereo song at 6 kbit/s: chunks of
864 frames (10 s), six planes deep in one channel and two in the other. Times are CPU times of all threads and
wall times; "x" is times real time of the whole song.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nac_cli.entropy.lm import LanguageModel, LmConfig, save
from tests.entropy.lm.models import Chunk, quantised, random_chunk

FRAME_RATE = 44100 / 512
SHAPE = LmConfig((1024,) * 16, (1,) * 16, head_width=256, shared_hidden=True, embedding_rank=32)
DEPTHS = (6, 2)


def song(config: LmConfig, pairs: int, frames: int) -> list[Chunk]:
    rng = np.random.default_rng(0)
    return [random_chunk(rng, config, frames, depth) for _ in range(pairs) for depth in DEPTHS]


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


@contextmanager
def clock(name: str, chunks: list[Chunk]) -> Iterator[None]:
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield
    wall, cpu = time.perf_counter() - wall, cpu_seconds() - cpu
    frames = sum(depths.size for _, depths in chunks)
    tokens = sum(int(depths.sum()) for _, depths in chunks)
    seconds = frames / len(DEPTHS) / FRAME_RATE
    for kind, spent in (("cpu", cpu), ("wall", wall)):
        rates = f"{tokens / spent / 1000:6.1f} k tokens/s {frames / spent / 1000:6.1f} k frames/s"
        print(f"{name:8} {kind:4} {spent:6.2f} s {rates} {seconds / spent:6.1f} x", flush=True)


def profiled(work: Callable[[], object]) -> None:
    profile = cProfile.Profile(time.process_time)
    profile.runcall(work)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--pairs", type=int, default=24, help="chunks of each channel")
    parser.add_argument("--frames", type=int, default=864, help="frames of a chunk")
    parser.add_argument("--model", type=Path, help="weights; random ones are made and kept there if it is missing")
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        path = options.model or Path(scratch) / "lm.safetensors"
        if not path.exists():
            save(path, quantised(SHAPE))
        chunks = song(SHAPE, options.pairs, options.frames)
        print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
        start = time.perf_counter()
        model = LanguageModel(path, options.workers)
        print(f"ready in {time.perf_counter() - start:.2f} s")
        with clock("measure", chunks):
            intervals = model.measure(chunks)
        streams, depths = [each.encode() for each in intervals], [depths for _, depths in chunks]
        with clock("decode", chunks):
            decoded = model.decode(streams, depths)
        assert all(np.array_equal(left, right) for left, (right, _) in zip(decoded, chunks))
        if options.profile:
            profiled(lambda: model.measure(chunks))
            profiled(lambda: model.decode(streams, depths))


if __name__ == "__main__":
    main()
