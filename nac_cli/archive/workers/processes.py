"""A pool of processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any

from nac_cli.archive.workers.pool import Died, Event, Finished, Idle, Labour, Moved, Refused, Work
from nac_cli.failures import Failure, explain

PATIENCE = 1.0
TELL_SECONDS = 0.5
STILLBORN = 3
"""So many workers in a row that end before they are ready are no accident."""


class ProcessPool:
    """See `Pool`. This process loads no model: it stays small, outlives its workers, and they end when it does, even if
    it is killed."""

    def __init__(self, work: Work, size: int):
        self.size = size
        self._work, self._stillborn = work, 0
        self._processes = [_Process(worker, work) for worker in range(size)]

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        with suppress(ConnectionError):  # it has just ended, which `events` will tell
            self._processes[worker].connection.send(dict(batch))

    def events(self) -> Iterator[Event]:
        ready = wait([process.connection for process in self._processes], PATIENCE)
        for worker, process in enumerate(self._processes):
            if process.connection in ready:
                yield from self._heard(worker, process)

    def close(self) -> None:
        for process in self._processes:
            process.kill()

    def _heard(self, worker: int, process: _Process) -> Iterator[Event]:
        try:
            while process.connection.poll():
                message = process.connection.recv()
                if isinstance(message, Failure):
                    raise Refused(message)
                if message is None:
                    process.ready, self._stillborn = True, 0
                else:
                    yield message
        except (EOFError, ConnectionError):
            yield self._replaced(worker, process)

    def _replaced(self, worker: int, dead: _Process) -> Died:
        reason = dead.epitaph()
        self._stillborn += not dead.ready
        if self._stillborn >= STILLBORN:
            raise Refused(Failure(f"workers end before they begin ({reason})", 1))
        self._processes[worker] = _Process(worker, self._work)
        return Died(worker, reason, dead.ready)


class _Process:
    """A worker, seen from outside."""

    def __init__(self, worker: int, work: Work):
        context = multiprocessing.get_context("spawn")  # no locks or threads of this process are copied
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_labour, args=(worker, work, theirs), daemon=True)
        self._process.start()
        theirs.close()
        self.ready = False

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()

    def epitaph(self) -> str:
        """How it ended."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        self.kill()
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"


def _labour(worker: int, work: Work, connection: Connection) -> None:
    """The life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    batches: SimpleQueue[dict[int, Any]] = SimpleQueue()
    threading.Thread(target=_listen, args=(connection, batches), daemon=True).start()
    lock = threading.Lock()

    def send(message: object) -> None:
        with lock:
            connection.send(message)

    try:
        labour = work.open()
    except Exception as error:
        send(explain(error))
        return
    send(None)
    while True:
        for event in perform(worker, labour, batches.get(), send):
            send(event)


def _listen(connection: Connection, batches: SimpleQueue) -> None:
    """Takes batches as they come, and ends the process when the one that started it has ended."""
    while True:
        try:
            batches.put(connection.recv())
        except (EOFError, OSError):
            os._exit(1)


def perform(worker: int, labour: Labour, batch: Mapping[int, Any], tell: Callable[[Moved], None]) -> Iterator[Event]:
    """What happens while a worker does a batch. `tell` gets how far tasks are, now and then, from any thread. An error
    that `labour` did not foresee is that of all tasks left."""
    numbers, left = list(batch), dict.fromkeys(batch)
    heard: dict[int, float] = {}

    def moved(index: int, done: float, whole: float | None) -> None:
        if time.monotonic() - heard.get(index, 0.0) >= TELL_SECONDS:
            heard[index] = time.monotonic()
            tell(Moved(worker, numbers[index], done, whole))

    try:
        for index, value in labour(list(batch.values()), moved):
            del left[numbers[index]]
            yield Finished(worker, numbers[index], value)
    except Exception as error:
        failure = explain(error)
        for number in left:
            yield Finished(worker, number, failure)
    yield Idle(worker)
