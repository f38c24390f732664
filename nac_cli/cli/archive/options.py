"""What the commands of `nac archive` share: which files, which workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli.options import device_option

if TYPE_CHECKING:
    from nac_cli.archive.places.place import Found, Place
    from nac_cli.archive.workers.pool import Pool, Work

GPU = Path("/dev/nvidia0")

include_option = click.option(
    "--include", multiple=True, metavar="PATTERN",
    help="Only files that match (*, ?, [...]) by their path in the library, their name, or that of a folder above "
    "them. May be given several times.",
)  # fmt: skip
exclude_option = click.option("--exclude", multiple=True, metavar="PATTERN", help="No files that match.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes that work at a time.  [default: one for each processor, or one for a GPU; on Ray those of all "
    "machines]",
)  # fmt: skip
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N",
    help="CPU threads of each worker.  [default: an equal share; 1 on Ray]",
)  # fmt: skip
engine_option = click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Where the workers are: on this machine, or on a Ray cluster.",
)  # fmt: skip
address_option = click.option(
    "--address", metavar="ADDRESS", help="Of the Ray cluster.  [default: a cluster of this machine alone]"
)


def workers_options(command: Callable) -> Callable:
    """All that says who does the work."""
    for option in (threads_option, device_option, address_option, engine_option, workers_option):
        command = option(command)
    return command


@dataclass(frozen=True)
class Workers:
    """How many (None: as many as a Ray cluster has room for), with how many threads each, on what, and where."""

    count: int | None
    threads: int
    device: str
    engine: str
    address: str | None

    @classmethod
    def wanted(
        cls, count: int | None, threads: int | None, device: str, engine: str = "local", address: str | None = None
    ) -> Workers:
        """What the options come to, None standing for those that were not given."""
        from nac_cli.pipelines.models.opening import processors

        if engine == "ray":
            import_module("ray")  # before anything is written
            return cls(count, threads or 1, device, engine, address)
        if address is not None:
            raise click.UsageError("--address is that of a Ray cluster: give --engine ray too.")
        if count is None:
            count = 1 if device == "cuda" or (device == "auto" and GPU.exists()) else processors()
        return cls(count, threads or max(1, processors() // count), device, engine, address)

    @contextmanager
    def at(self, work: Work, tasks: int, sights: Sequence[tuple[Place, Found]] = ()) -> Iterator[Pool]:
        """The workers at their work, no more than there are tasks; they end with the context. They must see the files
        `sights` (see `Sighted`)."""
        from nac_cli.archive.places.visibility import Sighted
        from nac_cli.archive.workers.processes import ProcessPool
        from nac_cli.archive.workers.ray_pool import RayPool

        work, most = Sighted(work, tuple(sights)), max(1, tasks)
        pool: Pool
        if self.engine == "ray":
            pool = RayPool(work, self.count, most=most, address=self.address, device=self.device, threads=self.threads)
        else:
            pool = ProcessPool(work, min(self.count, most))
        try:
            yield pool
        finally:
            pool.close()
