"""Workers that each do a batch of tasks at a time, and may die over it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nac_cli.errors import NacError
from nac_cli.failures import Failure

Tell = Callable[[int, float, float | None], None]
"""Told how far a task is: its place in the batch, and seconds of sound done and in all (None: nobody knows)."""
Labour = Callable[[Sequence[Any], Tell], Iterable[tuple[int, Any]]]
"""Does a batch: yields each task's place in it and what came out, a `Failure` where nothing did."""


class Work(Protocol):
    """What all workers of a pool do. It can be sent to other processes."""

    def open(self) -> Labour:
        """Called once by each worker: loads what all tasks need. Raises NacError where that cannot be had."""


@dataclass(frozen=True)
class Finished:
    """A task came out as `value`, a `Failure` if it failed."""

    worker: int
    task: int
    value: Any


@dataclass(frozen=True)
class Moved:
    """A worker has done so many seconds of a task's sound, of `whole` if known."""

    worker: int
    task: int
    done: float
    whole: float | None


@dataclass(frozen=True)
class Idle:
    """A worker is done with its batch, or has come to take the place of one that died."""

    worker: int


@dataclass(frozen=True)
class Died:
    """A worker ended by itself, with whatever it had not finished. `begun`: it had opened its work, so the tasks that
    it had may be what ended it. A new one has taken its place if `replaced`, or will, and be `Idle` then, if ever."""

    worker: int
    reason: str
    begun: bool
    replaced: bool = True


Event = Finished | Moved | Idle | Died


class Refused(NacError):
    """The workers cannot do what they are to do; the exit code is that of the reason."""

    def __init__(self, failure: Failure):
        super().__init__(failure.message)
        self.exit_code = failure.exit_code


class Pool(Protocol):
    """Workers 0 to `size` - 1, all idle at first."""

    size: int

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        """Give an idle worker tasks, by number."""

    def events(self) -> Iterator[Event]:
        """What happened since the last call; waits for something, and returns after a second at the latest. Raises
        `Refused` if the work cannot be opened."""

    def close(self) -> None:
        """End all workers at once, whatever they are doing."""
