"""The contract of pools: workers that each do a batch of tasks at a time, and whose process may end meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nac_cli.errors import NacError
from nac_cli.failures import Failure

OnProgress = Callable[[int, float, float | None], None]
"""Called with a task's index in its batch, the seconds of sound done, and the seconds in all (None where unknown)."""


class Worker(Protocol):
    """The part of a worker that does tasks; it lives in the worker's process."""

    def run(self, tasks: Sequence[Any], progress: OnProgress) -> Iterable[tuple[int, Any]]:
        """Do a batch: yields, for each task, its index in the batch and its result, a `Failure` if it failed."""


class Work(Protocol):
    """The work of all workers of a pool, as a description that can be sent to other processes."""

    def open(self) -> Worker:
        """Called once by each worker: loads what all tasks need. Raises NacError where that cannot be loaded."""


@dataclass(frozen=True)
class Finished:
    """A task has ended with the result `value`, a `Failure` if it failed."""

    worker: int
    task: int
    value: Any


@dataclass(frozen=True)
class Progressed:
    """A worker has done the first `done` seconds of a task's sound, of `whole` seconds if known."""

    worker: int
    task: int
    done: float
    whole: float | None


@dataclass(frozen=True)
class Idle:
    """A worker has finished its batch, or has just replaced one that exited."""

    worker: int


@dataclass(frozen=True)
class Exited:
    """A worker's process exited, and the tasks that it had not finished are lost. `begun`: it had opened its work, so
    those tasks may be the cause. With `replaced` a new worker has its number already; otherwise an `Idle` says when."""

    worker: int
    reason: str
    begun: bool
    replaced: bool = True


Event = Finished | Progressed | Idle | Exited


class Refused(NacError):
    """No worker can open the work; the exit code is that of the reason."""

    def __init__(self, failure: Failure):
        super().__init__(failure.message)
        self.exit_code = failure.exit_code


class Pool(Protocol):
    """A pool of workers numbered 0 to `size` - 1, all idle at first."""

    size: int

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        """Give an idle worker tasks, by number."""

    def events(self) -> Iterator[Event]:
        """The events since the last call; waits up to a second for the first one. Raises `Refused` if the work cannot
        be opened."""

    def close(self) -> None:
        """End all workers at once, whatever they are doing."""
