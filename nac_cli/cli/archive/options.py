"""Options that the commands of `nac archive` share: which files, which workers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import click

from nac_cli.cli.options import device_option

include_option = click.option(
    "--include", multiple=True, metavar="PATTERN",
    help="Only files that match (*, ?, [...]) by their path in the library, their name, or that of a folder above "
    "them. May be given several times.",
)  # fmt: skip
exclude_option = click.option("--exclude", multiple=True, metavar="PATTERN", help="No files that match.")
workers_option = click.option(
    "--workers", type=click.IntRange(min=1), metavar="N",
    help="Processes that work at a time.  [default: one for each processor, fewer with more threads where one file is "
    "most of the work; or one for a GPU; on Ray those of all machines]",
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
    """All options that say who does the work; the command gets them as `workers`, a `Workers`."""

    @wraps(command)
    def parsed(*args, workers, threads, device, engine, address, **others):
        from nac_cli.archive.workers.choice import Workers

        if address is not None and engine != "ray":
            raise click.UsageError("--address is that of a Ray cluster: give --engine ray too.")
        return command(*args, workers=Workers(workers, threads, device, engine, address), **others)

    for option in (threads_option, device_option, address_option, engine_option, workers_option):
        parsed = option(parsed)
    return parsed


def patterns_options(command: Callable) -> Callable:
    """Options that choose among files; the command gets them as `patterns`, a `Patterns`."""

    @wraps(command)
    def parsed(*args, include, exclude, **others):
        from nac_cli.archive.plan import Patterns

        return command(*args, patterns=Patterns(include, exclude), **others)

    return include_option(exclude_option(parsed))
