"""Which output belongs to which input, settled before any work begins."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import click

from nac_cli.cli.text import printable
from nac_cli.files import check_output

PIPE = "-"
_SUFFIX = re.compile(r"\.(?=[0-9]*[A-Za-z])[A-Za-z0-9]{1,5}")
"""The pattern of a suffix: `.flac` and `.mp3`, but not the end of `Symphony No. 5` or `take 1.5`."""


@dataclass(frozen=True)
class Job:
    """One input and its output; None stands for standard input and standard output."""

    source: Path | None
    target: Path | None

    @property
    def name(self) -> str:
        return PIPE if self.source is None else str(self.source)

    @property
    def target_name(self) -> str:
        return PIPE if self.target is None else str(self.target)

    def refuse_existing(self, force: bool) -> None:
        """Say at once what the pipeline would say once it is loaded: that the output cannot be written."""
        if self.target is not None:
            check_output(self.target, force)

    def open_source(self) -> Path | BinaryIO:
        return standard_input() if self.source is None else self.source

    def open_target(self) -> Path | BinaryIO:
        return sys.stdout.buffer if self.target is None else self.target


def plan(inputs: Sequence[str], output: str | None, suffix: str) -> list[Job]:
    """A job for each input; `suffix` (".nac") is that of outputs without a name of their own.

    Makes the output folder if it is missing. Raises click.UsageError if two jobs would write the same file,
    an output is an input, one file is to hold several results, or binary data would go to a terminal.
    """
    refuse_repeated_pipe(inputs)
    folder = output is not None and output != PIPE and (output.endswith(("/", os.sep)) or os.path.isdir(output))
    if len(inputs) > 1 and output is not None and not folder:
        hint = "write each to a file" if output == PIPE else f"end the name with / if {output!r} is to be a folder"
        raise click.UsageError(f"{len(inputs)} inputs do not go into one output; {hint}.")
    if len(inputs) > 1 and PIPE in inputs:
        raise click.UsageError("standard input (-) cannot be one of several inputs.")
    jobs = [Job(_path(name), _target(name, output, folder, suffix)) for name in inputs]
    _refuse_clashes(jobs)
    if any(job.target is None for job in jobs):
        refuse_binary_on_terminal("name a file with -o, or use a pipe")
    if folder and output is not None:
        Path(output).mkdir(parents=True, exist_ok=True)
    return jobs


def refuse_json_on_pipe(jobs: Sequence[Job], as_json: bool) -> None:
    """JSON and an output cannot share stdout."""
    if as_json and any(job.target is None for job in jobs):
        raise click.UsageError("--json and the output both go to stdout; name a file with -o.")


def refuse_repeated_pipe(inputs: Sequence[str]) -> None:
    """Standard input can be read once."""
    if list(inputs).count(PIPE) > 1:
        raise click.UsageError("standard input (-) can be read only once.")


def refuse_binary_on_terminal(hint: str = "name a file, or use a pipe") -> None:
    """Raises click.UsageError where stdout is a terminal, which binary data could drive."""
    if sys.stdout.isatty():
        raise click.UsageError(f"binary data does not belong on a terminal; {hint}.")


def standard_input() -> BinaryIO:
    """Raises click.UsageError where a person would have to type binary data."""
    if sys.stdin.isatty():
        raise click.UsageError("standard input is a terminal; pipe a file into nac, or name one.")
    return sys.stdin.buffer


def _path(name: str) -> Path | None:
    return None if name == PIPE else Path(name)


def _target(name: str, output: str | None, folder: bool, suffix: str) -> Path | None:
    if output == PIPE or (output is None and name == PIPE):
        return None
    if output is not None and not folder:
        return Path(output)
    if name == PIPE:
        raise click.UsageError("standard input has no name; name the output file with -o.")
    path = Path(name)
    stem = path.stem if _SUFFIX.fullmatch(path.suffix) else path.name
    return (path.parent if output is None else Path(output)) / f"{stem}{suffix}"


def _refuse_clashes(jobs: Sequence[Job]) -> None:
    sources = {_identity(job.source) for job in jobs if job.source is not None}
    taken: dict[str, Job] = {}
    for job in jobs:
        if job.target is None:
            continue
        name, key = printable(job.target_name), _identity(job.target)
        if key in sources:
            raise click.UsageError(f"{name} is an input and would be replaced; name another output with -o.")
        if key in taken:
            both = f"{printable(taken[key].name)} and {printable(job.name)}"
            raise click.UsageError(f"{both} would both become {name}; put the outputs into different folders.")
        taken[key] = job


def _identity(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))
