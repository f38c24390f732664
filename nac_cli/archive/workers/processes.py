"""A pool of processes on this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any

from nac_cli.archive.workers.pool import Event, Exited, Finished, Idle, Progressed, Refused, Work, Worker
from nac_cli.failures import Failure, explain

WAIT_SECONDS = 1.0
"""Seconds that `events` waits for something to happen."""
PROGRESS_SECONDS = 0.5
"""Least seconds between two messages about the progress of a task."""
MAX_FAILED_STARTS = 3
"""Workers in a row that may exit before they are ready; after that the pool gives up."""


class ProcessPool:
    """A `Pool` of processes. The parent loads no model: it stays small and outlives its workers, which exit when it
    does, even if it is killed."""

    def __init__(self, work: Work, size: int):
        self.size = size
        self._work, self._failed_starts = work, 0
        self._processes = [_Process(worker, work) for worker in range(size)]

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        with suppress(ConnectionError):  # it has just exited, which `events` will tell
            self._processes[worker].connection.send(dict(batch))

    def events(self) -> Iterator[Event]:
        ready = wait([process.connection for process in self._processes], WAIT_SECONDS)
        for worker, process in enumerate(self._processes):
            if process.connection in ready:
                yield from self._events_of(worker, process)

    def close(self) -> None:
        for process in self._processes:
            process.kill()

    def _events_of(self, worker: int, process: _Process) -> Iterator[Event]:
        try:
            while process.connection.poll():
                message = process.connection.recv()
                if isinstance(message, Failure):
                    raise Refused(message)
                if message is None:
                    process.ready, self._failed_starts = True, 0
                else:
                    yield message
        except (EOFError, ConnectionError):
            yield self._replaced(worker, process)

    def _replaced(self, worker: int, exited: _Process) -> Exited:
        reason = exited.exit_report()
        self._failed_starts += not exited.ready
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise Refused(Failure(f"workers end before they begin ({reason})", 1))
        self._processes[worker] = _Process(worker, self._work)
        return Exited(worker, reason, exited.ready)


class _Process:
    """A worker process and the connection to it."""

    def __init__(self, worker: int, work: Work):
        context = multiprocessing.get_context("spawn")  # no locks or threads of this process are copied
        self.connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(worker, work, theirs), daemon=True)
        with _interrupts_later():
            self._process.start()
        theirs.close()
        self.ready = False

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self.connection.close()

    def exit_report(self) -> str:
        """The signal or the exit code that it ended with."""
        self._process.join(WAIT_SECONDS)
        code = self._process.exitcode
        self.kill()
        if code is not None and code < 0:
            return f"killed by {signal.Signals(-code).name}"
        return f"exit code {code}"


@contextmanager
def _interrupts_later() -> Iterator[None]:
    """Hold back SIGINT. A process that is started meanwhile never gets it, not even before it can say what to do then;
    to this one it comes afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # the first start would start it, which ends the holding back
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(worker: int, work: Work, connection: Connection) -> None:
    """The main function of a worker process: opens the work, then does batches until the process ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first one decides
    batches: SimpleQueue[dict[int, Any]] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, batches), daemon=True).start()
    lock = threading.Lock()

    def send(message: object) -> None:
        with lock:
            connection.send(message)

    try:
        opened = work.open()
    except Exception as error:
        send(explain(error))
        return
    send(None)
    while True:
        for event in perform(worker, opened, batches.get(), send):
            send(event)


def _receive(connection: Connection, batches: SimpleQueue) -> None:
    """Put batches into the queue as they come; end the process when the one that started it has ended."""
    while True:
        try:
            batches.put(connection.recv())
        except (EOFError, OSError):
            os._exit(1)


def perform(
    worker: int, opened: Worker, batch: Mapping[int, Any], send: Callable[[Progressed], None]
) -> Iterator[Event]:
    """Have worker number `worker` do a batch, and yield the events. `send` gets the progress of tasks, now and then,
    from any thread. An exception that `opened` does not handle becomes the failure of all tasks that are left."""
    numbers, left = list(batch), dict.fromkeys(batch)
    sent: dict[int, float] = {}

    def progress(index: int, done: float, whole: float | None) -> None:
        if time.monotonic() - sent.get(index, 0.0) >= PROGRESS_SECONDS:
            sent[index] = time.monotonic()
            send(Progressed(worker, numbers[index], done, whole))

    try:
        for index, value in opened.run(list(batch.values()), progress):
            del left[numbers[index]]
            yield Finished(worker, numbers[index], value)
    except Exception as error:
        failure = explain(error)
        for number in left:
            yield Finished(worker, number, failure)
    yield Idle(worker)
