"""Pools for tests: one that works in this process, and one whose workers die over certain tasks."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nac_cli.archive.pool import Died, Event, Work
from nac_cli.archive.processes import perform


class HerePool:
    """See `Pool`: one worker, which is this process."""

    size = 1

    def __init__(self, work: Work):
        self._labour = work.open()
        self._events: deque[Event] = deque()

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        self._events.extend(list(perform(worker, self._labour, batch, self._events.append)))

    def events(self) -> Iterator[Event]:
        while self._events:
            yield self._events.popleft()

    def close(self) -> None:
        pass


class DeadlyPool(HerePool):
    """The same, but a batch with a task that `deadly` holds for one ends the worker before it has done anything."""

    def __init__(self, work: Work, deadly: Callable[[Any], bool]):
        super().__init__(work)
        self._deadly = deadly

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        if any(map(self._deadly, batch.values())):
            self._events.append(Died(worker, "killed by SIGSEGV", True))
        else:
            super().send(worker, batch)
