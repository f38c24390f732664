"""One input or many: a batch goes on after a failure and says so at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import click

from nac_cli.cli.errors import CLOSED_PIPE
from nac_cli.cli.output import Output, with_name
from nac_cli.cli.text import counted
from nac_cli.errors import BatchFailed, NacError

if TYPE_CHECKING:
    from nac_cli.cli.targets import Job
    from nac_cli.pipelines.reports import Report

Item = TypeVar("Item")


@dataclass(frozen=True)
class Outcome:
    """The result for an input as a `record` for JSON, and the error that is left although there is a result."""

    record: dict
    error: NacError | None = None


def reported(job: Job, report: Report, summary: str, output: Output, error: NacError | None = None) -> Outcome:
    """Tells of a file that was made: messages and a line of `summary` on stderr. Its outcome."""
    for message in report.messages:
        output.warn(with_name(message, job.name))
    output.say(f"{job.name} -> {job.target_name}: {summary}")
    record = report.as_dict()
    del record["source"]
    return Outcome(record | {"target": job.target_name}, error)


def run_each(
    items: Sequence[Item], name: Callable[[Item], str], action: Callable[[Item], Outcome], output: Output
) -> None:
    """Do `action` for each item and report it.

    A single item's failure is the command's own. Of several, each failure is reported where it happens, and
    `BatchFailed` is raised at the end.
    """
    codes = [_run_one(name(item), item, action, output) for item in items]
    failed = sum(code != 0 for code in codes)
    if len(items) == 1:
        click.get_current_context().exit(codes[0])
    if failed:
        raise BatchFailed(f"{failed} of {counted(len(items), 'input')} failed")


def _run_one(name: str, item: Item, action: Callable[[Item], Outcome], output: Output) -> int:
    try:
        outcome = action(item)
    except Exception as error:  # whatever one file did, the others still have their turn
        code = output.failed(error, file=name)
        if code == CLOSED_PIPE:
            raise
        return code
    if outcome.error is not None:
        return output.failed(outcome.error, file=name, **outcome.record)
    output.record({"file": name, **outcome.record, "exit_code": 0})
    return 0
