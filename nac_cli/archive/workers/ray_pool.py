"""A pool of workers on a Ray cluster."""

from __future__ import annotations

import os
import platform
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from nac_cli import __version__
from nac_cli.archive.workers.pool import Event, Exited, Idle, Refused, Work
from nac_cli.archive.workers.processes import MAX_FAILED_STARTS, WAIT_SECONDS, perform
from nac_cli.archive.workers.ray_cluster import connect, disconnect
from nac_cli.errors import UsageError
from nac_cli.failures import Failure, explain

ROOM_SECONDS = 60.0
"""After so long without a node that has room, a worker's tasks go to others; it goes on waiting."""
NO_WORKER_SECONDS = 300.0
"""After so long without a single worker on any node, the run ends."""
LISTEN_SECONDS = 10.0


class RayPool:
    """A `Pool` of actors, one for each worker, on whichever node has room, with a GPU each where the cluster has any:
    there the device "auto" is that GPU, elsewhere the CPU. A worker that exited gets a place again when a node has one;
    until then the others go on without it."""

    def __init__(
        self,
        work: Work,
        size: int | None = None,
        *,
        most: int | None = None,
        address: str | None = None,
        device: str = "auto",
        threads: int = 1,
    ):
        """`address` is "auto" (a cluster that this machine belongs to), "host:port", or "ray://host:port" from
        anywhere; None starts one on this machine. `size` workers with `threads` CPUs each; by default as many as there
        are GPUs in the cluster, or CPUs for, and `most` at most. `device` as for `work`.

        Raises UsageError if there is no such cluster, or no GPU in it for the device "cuda".
        """
        self._workers: list[_RemoteWorker] = []
        self._ours = connect(address, size and size * threads)
        try:
            import ray

            resources = ray.cluster_resources()
            gpus = int(resources.get("GPU", 0)) if device != "cpu" else 0
            if device == "cuda" and not gpus:
                raise UsageError("device cuda was asked for, but the Ray cluster has no GPU; use --device cpu or auto")
            self.size = size or gpus or max(1, int(resources.get("CPU", 1)) // threads)
            self.size = min(self.size, most or self.size)
            self._needs = f"{threads} CPUs and a GPU" if gpus else f"{threads} CPUs"
            self._kind = ray.remote(
                num_cpus=threads, num_gpus=min(1, gpus), max_restarts=0, scheduling_strategy="SPREAD"
            )(_WorkerActor)
            self._work = ray.put(work)
            self._failed_starts, self._last_placed = 0, time.monotonic()
            self._workers = [self._start(worker) for worker in range(self.size)]
        except BaseException:
            self.close()
            raise

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        remote = self._workers[worker]
        remote.batch, remote.sent, remote.since = dict(batch), False, time.monotonic()
        if remote.ready:
            remote.listen()

    def events(self) -> Iterator[Event]:
        import ray

        calls = [remote.call for remote in self._workers if remote.call is not None]
        answered: list[object] = []
        if calls:
            ray.wait(calls, timeout=WAIT_SECONDS)
            answered, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        else:
            time.sleep(WAIT_SECONDS)
        for worker, remote in enumerate(self._workers):
            if remote.call is not None and remote.call in answered:
                yield from self._events_of(worker, remote)
        yield from self._unplaced()

    def close(self) -> None:
        import ray

        for remote in self._workers:
            with suppress(ray.exceptions.RayError):
                ray.kill(remote.actor)
        self._workers = []
        if self._ours:
            disconnect()

    def _start(self, worker: int, replacing: bool = False) -> _RemoteWorker:
        remote = _RemoteWorker(self._kind.remote(worker, self._work, __version__), replacing)
        remote.listen()
        return remote

    def _events_of(self, worker: int, remote: _RemoteWorker) -> Iterator[Event]:
        """The events that a worker has sent, or its exit."""
        import ray

        try:
            messages = ray.get(remote.call)
        except ray.exceptions.RayError as error:
            yield from self._replaced(worker, remote, error)
            return
        for message in messages:
            if isinstance(message, _NodeName):
                remote.node = message
            elif isinstance(message, Failure):
                host = remote.node.host if remote.node else "of Ray"
                raise Refused(Failure(f"node {host}: {message.message}", message.exit_code))
            elif message is None:
                remote.ready, self._failed_starts = True, 0
                if remote.replacing:
                    remote.replacing = False
                    yield Idle(worker)
            else:
                if isinstance(message, Idle):
                    remote.batch = None
                yield message
        remote.listen()

    def _replaced(self, worker: int, exited: _RemoteWorker, error: Exception) -> Iterator[Exited]:
        """Start another worker in place of one that exited; it waits for room on a node first."""
        import ray

        said = " ".join(str(error).split())
        if getattr(error, "actor_init_failed", False) or isinstance(error, ray.exceptions.RayTaskError):
            raise Refused(Failure(
                f"a worker cannot be started on the Ray cluster ({said[-300:]}); nac-cli[archive] must be installed on "
                "every node", 1,
            )) from error  # fmt: skip
        with suppress(ray.exceptions.RayError):  # it may only be out of reach
            ray.kill(exited.actor)
        reason = f"on {exited.node.host}: {_cause(error, said)}" if exited.node else _cause(error, said)
        lost = exited.node is not None and exited.node.id not in _nodes()
        self._failed_starts += not exited.ready and not lost
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise Refused(Failure(f"workers end before they begin ({reason})", 1))
        self._workers[worker] = self._start(worker, replacing=True)
        if not exited.replacing:
            yield Exited(worker, reason, begun=exited.ready, replaced=False)

    def _unplaced(self) -> Iterator[Exited]:
        """Take the tasks from workers that have waited too long for room on a node."""
        now = time.monotonic()
        for worker, remote in enumerate(self._workers):
            if remote.batch is not None and remote.node is None and now - remote.since > ROOM_SECONDS:
                remote.batch, remote.replacing = None, True
                yield Exited(worker, "no node has room for it", begun=False, replaced=False)
        if any(remote.node for remote in self._workers):
            self._last_placed = now
        elif now - self._last_placed > NO_WORKER_SECONDS:
            raise Refused(Failure(
                f"no node of the Ray cluster has had room for a worker ({self._needs}) for "
                f"{NO_WORKER_SECONDS / 60:g} minutes; free or add some, or ask for less with --threads", 1,
            ))  # fmt: skip


@dataclass
class _RemoteWorker:
    """A worker on the cluster, as this process knows it. `node` is None until a node has taken it, `call` while no
    answer is awaited. `replacing`: its tasks went to others, and it counts as exited until it is `ready`."""

    actor: Any
    replacing: bool
    call: Any = None
    node: _NodeName | None = None
    ready: bool = False
    batch: dict[int, Any] | None = None
    sent: bool = False
    since: float = 0.0

    def listen(self) -> None:
        """Ask it for its next events; sends the batch that waited for it to be ready."""
        batch = self.batch if self.ready and not self.sent else None
        if batch is not None:
            self.sent = True
        busy = not self.ready or self.batch is not None
        self.call = self.actor.poll.remote(batch) if busy else None


@dataclass(frozen=True)
class _NodeName:
    """The node that a worker is on: the name of the machine, and Ray's id of the node."""

    host: str
    id: str


class _WorkerActor:
    """The actor of a worker, on its node. One thread does the batches, the other answers calls with the events so
    far, so that progress is told in the middle of a batch, through a Ray client too."""

    def __init__(self, worker: int, work: Work, version: str):
        import ray

        if not ray.get_gpu_ids():
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # that of another worker, or of nobody
        self._batches: SimpleQueue[dict[int, Any]] = SimpleQueue()
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._said.put(_NodeName(platform.node(), ray.get_runtime_context().get_node_id()))
        threading.Thread(target=self._serve, args=(worker, work, version), daemon=True).start()

    def poll(self, batch: dict[int, Any] | None) -> list[Any]:
        """Start a batch if one is given. Returns all messages since the last call: its node, then None or the
        Failure to open the work, then events; an empty list after LISTEN_SECONDS without any."""
        if batch is not None:
            self._batches.put(batch)
        said = []
        with suppress(Empty):
            said.append(self._said.get(timeout=LISTEN_SECONDS))
            while True:
                said.append(self._said.get_nowait())
        return said

    def _serve(self, worker: int, work: Work, version: str) -> None:
        if version != __version__:
            text = f"nac {__version__} is installed there, {version} here; install the same everywhere"
            self._said.put(Failure(text, UsageError.exit_code))
            return
        try:
            opened = work.open()
        except Exception as error:
            self._said.put(explain(error))
            return
        self._said.put(None)
        while True:
            for event in perform(worker, opened, self._batches.get(), self._said.put):
                self._said.put(event)


def _cause(error: Exception, said: str) -> str:
    """The reason why a worker exited, in a few words."""
    import ray

    if isinstance(error, ray.exceptions.ActorUnavailableError):
        return "it is out of reach"
    cause = re.search(r"because ([^.]*)", said)
    memory = " (out of memory)" if "running low on memory" in said else ""
    return f"{cause[1] if cause else said[:200]}{memory}"


def _nodes() -> set[str]:
    """Ray's names of the nodes that are alive."""
    import ray

    return {node["NodeID"] for node in ray.nodes() if node["Alive"]}
