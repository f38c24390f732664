"""Pools for tests: one that works in this process, and ones whose workers die over certain tasks, or after them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from nac_cli.archive.workers.pool import Event, Exited, Work
from nac_cli.archive.workers.processes import perform


class LocalPool:
    """A `Pool` of one worker that does its batches in this process, when it is asked what happened."""

    size = 1

    def __init__(self, work: Work):
        self._worker = work.open()
        self._batch: Mapping[int, Any] = {}

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        self._batch = batch

    def events(self) -> Iterator[Event]:
        yield from perform(0, self._worker, self._batch, lambda event: None)

    def close(self) -> None:
        pass


class DeadlyPool(LocalPool):
    """The same, but a batch with a task that `deadly` holds for one ends the worker before it has done anything."""

    def __init__(self, work: Work, deadly: Callable[[Any], bool]):
        super().__init__(work)
        self._deadly = deadly

    def events(self) -> Iterator[Event]:
        if any(map(self._deadly, self._batch.values())):
            yield Exited(0, "killed by SIGSEGV", True)
        else:
            yield from super().events()


class MutePool(LocalPool):
    """The same, but the first batch ends the worker when it has done all of it and told nothing."""

    def __init__(self, work: Work):
        super().__init__(work)
        self._first = True

    def events(self) -> Iterator[Event]:
        done = list(super().events())
        if self._first:
            self._first = False
            yield Exited(0, "killed by SIGKILL", True)
        else:
            yield from done
