"""Timing of stages of work, of modules and of methods, also on devices that work asynchronously."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from nac_cli.models.codec import Codec


class Clock:
    """Seconds by stage."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        with timed(self.device) as seconds:
            yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds()

    def move(self, source: str, target: str, seconds: float) -> None:
        self.seconds[source] -= seconds
        self.seconds[target] = self.seconds.get(target, 0.0) + seconds


@contextmanager
def timed(device: str) -> Iterator[Callable[[], float]]:
    """The function gives the seconds of the block, once it is over and the device has finished."""
    _wait(device)
    started, ended = time.perf_counter(), [0.0]
    yield lambda: ended[0] - started
    _wait(device)
    ended[0] = time.perf_counter()


def least(work: Callable[[], object], repeats: int, device: str = "cpu", before: int = 1) -> float:
    """Seconds of the fastest of `repeats` runs of `work`, those `before` them aside."""
    times = []
    for _ in range(before + repeats):
        with timed(device) as seconds:
            work()
        times.append(seconds())
    return min(times[before:])


def _wait(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()


@contextmanager
def inside(module: nn.Module, device: str) -> Iterator[Callable[[], float]]:
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
def inside_call(codec: Codec, name: str, device: str) -> Iterator[Callable[[], float]]:
    """Seconds that a method of this one codec takes in the block."""
    method, total = getattr(codec, name), [0.0]

    def counted(*args: object) -> object:
        with timed(device) as seconds:
            result = method(*args)
        total[0] += seconds()
        return result

    setattr(codec, name, counted)
    try:
        yield lambda: total[0]
    finally:
        delattr(codec, name)


@contextmanager
def under_way(item: object, name: str) -> Iterator[Callable[[], float]]:
    """Seconds in the block in which at least one call of a method of this one object is under way, in any thread."""
    method, lock = getattr(item, name), Lock()
    calls, total, begun = [0], [0.0], [0.0]

    def count(step: int) -> None:
        with lock:
            now = time.perf_counter()
            if calls[0]:
                total[0] += now - begun[0]
            calls[0] += step
            begun[0] = now

    def counted(*args: object) -> object:
        count(1)
        try:
            return method(*args)
        finally:
            count(-1)

    setattr(item, name, counted)
    try:
        yield lambda: total[0]
    finally:
        delattr(item, name)
