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
from nac_cli.archive.workers.pool import Died, Event, Idle, Refused, Work
from nac_cli.archive.workers.processes import PATIENCE, STILLBORN, perform
from nac_cli.archive.workers.ray_cluster import connect, disconnect
from nac_cli.errors import UsageError
from nac_cli.failures import Failure, explain

ROOM_SECONDS = 60.0
"""A worker that finds no node with room in that time lets others have its tasks, and goes on waiting."""
DESERTED_SECONDS = 300.0
"""So long without a single worker, and the run ends."""
LISTEN_SECONDS = 10.0


class RayPool:
    """See `Pool`. An actor for each worker, on whichever node has room, with a GPU each where the cluster has any:
    there the device "auto" is that GPU, elsewhere the CPU. A worker that ends gets a place again when a node has one;
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
        self._workers: list[_Hired] = []
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
            )(_Labourer)
            self._work = ray.put(work)
            self._stillborn, self._inhabited = 0, time.monotonic()
            self._workers = [self._hired(worker) for worker in range(self.size)]
        except BaseException:
            self.close()
            raise

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        hired = self._workers[worker]
        hired.batch, hired.sent, hired.since = dict(batch), False, time.monotonic()
        if hired.ready:
            hired.listen()

    def events(self) -> Iterator[Event]:
        import ray

        calls = [hired.call for hired in self._workers if hired.call is not None]
        heard = []
        if calls:
            ray.wait(calls, timeout=PATIENCE)
            heard, _ = ray.wait(calls, num_returns=len(calls), timeout=0)
        else:
            time.sleep(PATIENCE)
        for worker, hired in enumerate(self._workers):
            if hired.call is not None and hired.call in heard:
                yield from self._heard(worker, hired)
        yield from self._homeless()

    def close(self) -> None:
        import ray

        for hired in self._workers:
            with suppress(ray.exceptions.RayError):
                ray.kill(hired.actor)
        self._workers = []
        if self._ours:
            disconnect()

    def _hired(self, worker: int, missed: bool = False) -> _Hired:
        hired = _Hired(self._kind.remote(worker, self._work, __version__), missed)
        hired.listen()
        return hired

    def _heard(self, worker: int, hired: _Hired) -> Iterator[Event]:
        """What a worker has said, or that it is no more."""
        import ray

        try:
            messages = ray.get(hired.call)
        except ray.exceptions.RayError as error:
            yield from self._replaced(worker, hired, error)
            return
        for message in messages:
            if isinstance(message, _Placed):
                hired.home = message
            elif isinstance(message, Failure):
                raise Refused(Failure(f"node {hired.home.host}: {message.message}", message.exit_code))
            elif message is None:
                hired.ready, self._stillborn = True, 0
                if hired.missed:
                    hired.missed = False
                    yield Idle(worker)
            else:
                if isinstance(message, Idle):
                    hired.batch = None
                yield message
        hired.listen()

    def _replaced(self, worker: int, dead: _Hired, error: Exception) -> Iterator[Died]:
        """Another one is waiting for room on a node now; who was waiting for work has nothing to lose."""
        import ray

        said = " ".join(str(error).split())
        if getattr(error, "actor_init_failed", False) or isinstance(error, ray.exceptions.RayTaskError):
            raise Refused(Failure(
                f"a worker cannot be started on the Ray cluster ({said[-300:]}); nac-cli[archive] must be installed on "
                "every node", 1,
            )) from error  # fmt: skip
        with suppress(ray.exceptions.RayError):  # it may only be out of reach
            ray.kill(dead.actor)
        reason = f"on {dead.home.host}: {_cause(error, said)}" if dead.home else _cause(error, said)
        lost = dead.home is not None and dead.home.node not in _nodes()
        self._stillborn += not dead.ready and not lost
        if self._stillborn >= STILLBORN:
            raise Refused(Failure(f"workers end before they begin ({reason})", 1))
        self._workers[worker] = self._hired(worker, missed=True)
        if not dead.missed:
            yield Died(worker, reason, begun=dead.ready, replaced=False)

    def _homeless(self) -> Iterator[Died]:
        """Workers that have waited long for room on a node."""
        now = time.monotonic()
        for worker, hired in enumerate(self._workers):
            if hired.batch is not None and hired.home is None and now - hired.since > ROOM_SECONDS:
                hired.batch, hired.missed = None, True
                yield Died(worker, "no node has room for it", begun=False, replaced=False)
        if any(hired.home for hired in self._workers):
            self._inhabited = now
        elif now - self._inhabited > DESERTED_SECONDS:
            raise Refused(Failure(
                f"no node of the Ray cluster has had room for a worker ({self._needs}) for "
                f"{DESERTED_SECONDS / 60:g} minutes; free or add some, or ask for less with --threads", 1,
            ))  # fmt: skip


@dataclass
class _Hired:
    """A worker, seen from here. `home` is None until a node has taken it, `call` while nothing is to be heard of it;
    `missed`: the tasks that it had went to others, it counts as ended until it is `ready`."""

    actor: Any
    missed: bool
    call: Any = None
    home: _Placed | None = None
    ready: bool = False
    batch: dict[int, Any] | None = None
    sent: bool = False
    since: float = 0.0

    def listen(self) -> None:
        """Ask it for what happens next, giving it the tasks that wait for it to be ready."""
        batch = self.batch if self.ready and not self.sent else None
        if batch is not None:
            self.sent = True
        busy = not self.ready or self.batch is not None
        self.call = self.actor.hear.remote(batch) if busy else None


@dataclass(frozen=True)
class _Placed:
    """Where a worker is: the name of the machine, and Ray's of the node."""

    host: str
    node: str


class _Labourer:
    """A worker, an actor on its node. One thread works, the other says what happens whenever it is asked: progress gets
    out of the middle of a batch that way, through a Ray client too."""

    def __init__(self, worker: int, work: Work, version: str):
        import ray

        if not ray.get_gpu_ids():
            os.environ["CUDA_VISIBLE_DEVICES"] = ""  # that of another worker, or of nobody
        self._batches: SimpleQueue[dict[int, Any]] = SimpleQueue()
        self._said: SimpleQueue[Any] = SimpleQueue()
        self._said.put(_Placed(platform.node(), ray.get_runtime_context().get_node_id()))
        threading.Thread(target=self._labour, args=(worker, work, version), daemon=True).start()

    def hear(self, batch: dict[int, Any] | None) -> list[Any]:
        """Starts a batch if there is one. What was said since the last call: where it is, a Failure if its work cannot
        be opened or else None, then events; nothing if nothing is said for long."""
        if batch is not None:
            self._batches.put(batch)
        said = []
        with suppress(Empty):
            said.append(self._said.get(timeout=LISTEN_SECONDS))
            while True:
                said.append(self._said.get_nowait())
        return said

    def _labour(self, worker: int, work: Work, version: str) -> None:
        if version != __version__:
            text = f"nac {__version__} is installed there, {version} here; install the same everywhere"
            self._said.put(Failure(text, UsageError.exit_code))
            return
        try:
            labour = work.open()
        except Exception as error:
            self._said.put(explain(error))
            return
        self._said.put(None)
        while True:
            for event in perform(worker, labour, self._batches.get(), self._said.put):
                self._said.put(event)


def _cause(error: Exception, said: str) -> str:
    """What ended a worker, in a few words."""
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
