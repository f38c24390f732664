"""The time that each part of a training step takes."""

from __future__ import annotations

import time

import torch


class Stopwatch:
    """Adds up the time between laps under the name given at the end of each. On CUDA only every 16th round of laps is
    timed, since timing makes the processor wait for the device."""

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()
        self._round = 0

    def lap(self, name: str) -> None:
        """The time since the lap before was spent on `name`; "data" begins a round."""
        if self.device.type == "cuda":
            self._round += name == "data"
            if self._round % 16 > 1:  # the round before a timed one has to end in time
                self._last = time.perf_counter()
                return
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

    def shares(self) -> dict[str, float]:
        """Share of the whole by name, rounded to three digits."""
        total = sum(self.seconds.values())
        return {name: round(seconds / total, 3) for name, seconds in sorted(self.seconds.items())} if total else {}
