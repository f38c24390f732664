"""The schedule of a pool: which worker gets which tasks, and what becomes of tasks over which workers exit."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nac_cli.archive.journal import FATAL_CRASHES
from nac_cli.archive.workers.pool import Exited, Finished, Idle, Pool, Progressed

BATCH_TASKS = 16
BATCH_BYTES = 1 << 26
"""Bytes of sources in a batch, unless one source alone has more; bounds the memory of a worker."""
LONG = 4
"""A task is long that is more than one part of so many of what a worker has to do."""


@dataclass(frozen=True)
class Task:
    """A task: `payload` is sent to the worker, `size` in bytes, `crashes` counts workers that exited over it before."""

    payload: Any
    size: int
    crashes: int = 0


@dataclass(frozen=True)
class Crash:
    """A worker exited while it had the task, `alone` or with others. `given_up`: it will not be tried again."""

    task: int
    alone: bool
    given_up: bool
    reason: str


Again = Callable[[Any], Any]
"""What a payload is sent as once a worker has exited over it, who may have done it without telling."""


def as_before(payload: Any) -> Any:
    return payload


def perform_all(tasks: Sequence[Task], pool: Pool, again: Again = as_before) -> Iterator[Finished | Progressed | Crash]:
    """Have all tasks done, each exactly once, in about their order, and yield the events; the pool is left open."""
    for told in perform_rounds(tasks, pool, again):
        yield from told


def perform_rounds(
    tasks: Sequence[Task], pool: Pool, again: Again = as_before
) -> Iterator[list[Finished | Progressed | Crash]]:
    """As `perform_all`, with all events of about the same time in one list.

    Where a worker exits, nobody knows which of its tasks was the cause: each of them is done again alone. One that
    ends its worker alone, for the second time in all, is given up. Tasks that have crashed before are done alone, at
    the end.
    """
    waiting = deque(_order([number for number, task in enumerate(tasks) if not task.crashes], tasks, pool.size))
    suspects = deque(number for number, task in enumerate(tasks) if task.crashes)
    crashes = [task.crashes for task in tasks]
    busy: dict[int, set[int]] = {}
    idle = set(range(pool.size))
    while waiting or suspects or busy:
        for worker in sorted(idle):
            batch = _batch(waiting, tasks, pool.size) or ([suspects.popleft()] if suspects else [])
            if batch:
                idle.discard(worker)
                busy[worker] = set(batch)
                pool.send(worker, {n: again(tasks[n].payload) if crashes[n] else tasks[n].payload for n in batch})
        told: list[Finished | Progressed | Crash] = []
        for event in pool.events():
            if isinstance(event, Progressed):
                told.append(event)
            elif isinstance(event, Finished):
                busy[event.worker].discard(event.task)
                told.append(event)
            elif isinstance(event, Idle):
                idle.add(event.worker)
                busy.pop(event.worker, None)
            elif isinstance(event, Exited):
                lost = sorted(busy.pop(event.worker, ()))
                if event.replaced:
                    idle.add(event.worker)
                else:
                    idle.discard(event.worker)
                if not event.begun:
                    waiting.extendleft(reversed(lost))
                    continue
                for number in lost:
                    crashes[number] += 1
                    given_up = len(lost) == 1 and crashes[number] >= FATAL_CRASHES
                    if not given_up:
                        suspects.append(number)
                    told.append(Crash(number, len(lost) == 1, given_up, event.reason))
        if told:
            yield told


def _order(numbers: Sequence[int], tasks: Sequence[Task], workers: int) -> list[int]:
    """`numbers` with those of long tasks first, the longest at the very front: one that was begun last would keep one
    worker busy when the others have nothing to do any more."""
    whole = sum(tasks[number].size for number in numbers)

    def place(number: int) -> int:
        size = tasks[number].size
        return -size if workers > 1 and LONG * workers * size > whole else 0

    return sorted(numbers, key=place)


def _batch(waiting: deque[int], tasks: Sequence[Task], workers: int) -> list[int]:
    """The next tasks for a worker: fewer towards the end, so that all workers end at about the same time."""
    most = BATCH_TASKS if workers == 1 else max(1, min(BATCH_TASKS, len(waiting) // (2 * workers)))
    batch: list[int] = []
    size = 0
    while waiting and len(batch) < most and (not batch or size + tasks[waiting[0]].size <= BATCH_BYTES):
        batch.append(waiting.popleft())
        size += tasks[batch[-1]].size
    return batch
