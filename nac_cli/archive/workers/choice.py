"""The choice of workers for an operation: how many, with how many threads, on which device, on which engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

from nac_cli.archive.places.place import Found, Place
from nac_cli.archive.places.visibility import RequiresVisible
from nac_cli.archive.workers.pool import Pool, Work
from nac_cli.archive.workers.processes import ProcessPool
from nac_cli.archive.workers.ray_pool import RayPool
from nac_cli.errors import UsageError
from nac_cli.pipelines.models.opening import processors

GPU = Path("/dev/nvidia0")


@dataclass(frozen=True)
class Workers:
    """`count` workers with `threads` CPU threads each; None leaves it to nac: a worker for each processor or one for a
    GPU, and equal shares of the processors; on Ray as many workers as the cluster has room for, with a thread each.
    `engine` is "local" or "ray", `address` that of a Ray cluster (None: one on this machine alone).

    Raises ModuleNotFoundError where Ray is not installed, UsageError for an address without Ray."""

    count: int | None = None
    threads: int | None = None
    device: str = "auto"
    engine: str = "local"
    address: str | None = None

    def __post_init__(self) -> None:
        if self.engine == "ray":
            import_module("ray")  # before anything is written
        elif self.address is not None:
            raise UsageError("an address is that of a Ray cluster: give the engine ray too")

    @property
    def processes(self) -> int:
        """The number of workers on this machine."""
        if self.count is not None:
            return self.count
        return 1 if self.device == "cuda" or (self.device == "auto" and GPU.exists()) else processors()

    @property
    def threads_each(self) -> int:
        """The CPU threads of each worker."""
        if self.engine == "ray":
            return self.threads or 1
        return self.threads or max(1, processors() // self.processes)

    def sharing(self, sizes: Iterable[int]) -> Workers:
        """These workers for files of such sizes: fewer with more threads each, where nothing is said of either and the
        largest file would keep one busy long after the others are done."""
        files = list(sizes)
        if self.engine != "local" or self.count is not None or self.threads is not None or not files:
            return self
        return replace(self, count=max(1, min(self.processes, sum(files) // max(1, *files))))

    @contextmanager
    def at(self, work: Work, tasks: int, visible: Sequence[tuple[Place, Found]] = ()) -> Iterator[Pool]:
        """A pool of workers for `work`, no more than there are tasks; they end with the context. They must see the
        `visible` files (see `RequiresVisible`)."""
        work, most = RequiresVisible(work, tuple(visible)), max(1, tasks)
        pool: Pool
        if self.engine == "ray":
            pool = RayPool(
                work, self.count, most=most, address=self.address, device=self.device, threads=self.threads_each
            )
        else:
            pool = ProcessPool(work, min(self.processes, most))
        try:
            yield pool
        finally:
            pool.close()
