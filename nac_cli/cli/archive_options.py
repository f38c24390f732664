"""What the commands of `nac archive` share: which files, which workers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nac_cli.archive.pool import Pool, Work

GPU = Path("/dev/nvidia0")

include_option = click.option(
    "--include", multiple=True, metavar="PATTERN",
    help="Only files that match (*, ?, [...]) by their path in the library, their name, or that of a folder above them. "
    "May be given several times.",
)  # fmt: skip
exclude_option = click.option("--exclude", multiple=True, metavar="PATTERN", help="No files that match.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes that work at a time.  [default: one for each processor, or one for a GPU]",
)  # fmt: skip
threads_option = click.option(
    "--threads", type=click.IntRange(min=1), metavar="N", help="CPU threads of each worker.  [default: an equal share]"
)
engine_option = click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True,
    help="Where the workers are: on this machine, or on a Ray cluster.",
)  # fmt: skip
address_option = click.option(
    "--address", metavar="ADDRESS", help="Of the Ray cluster.  [default: a cluster of this machine alone]"
)


@dataclass(frozen=True)
class Workers:
    """How many, with how many threads each, and where."""

    count: int
    threads: int
    engine: str
    address: str | None

    @classmethod
    def wanted(
        cls, count: int | None, threads: int | None, device: str, engine: str = "local", address: str | None = None
    ) -> Workers:
        """What the options come to, None standing for those that were not given."""
        from nac_cli.pipelines.runtime import processors

        if count is None:
            count = 1 if device == "cuda" or (device == "auto" and GPU.exists()) else processors()
        return cls(count, threads or max(1, processors() // count), engine, address)

    @contextmanager
    def at(self, work: Work, tasks: int) -> Iterator[Pool]:
        """The workers at their work, no more than there are tasks; they end with the context."""
        from nac_cli.archive.processes import ProcessPool

        pool = ProcessPool(work, max(1, min(self.count, tasks)))
        try:
            yield pool
        finally:
            pool.close()
