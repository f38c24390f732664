"""Output of commands: data on stdout, talk on stderr.

With `--json` stdout holds JSON lines, one object for each input (or model, or run), in order, ASCII only:

- `file`, the input as it was named, where there is one;
- `exit_code`, 0 or as the table in `nac_cli.cli.errors` says;
- `error`, the message, where something went wrong;
- the command's own results.

An object with an `error` and no `file` speaks of the whole run. Messages for people still go to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import click

from nac_cli.cli.errors import CLOSED_PIPE, explain, show_traceback
from nac_cli.cli.text import printable

PLAIN_WIDTH = 1000
"""Columns of a table that no terminal limits."""


@dataclass(frozen=True)
class Output:
    """`json`: results for machines; `quiet`: nothing on stderr but errors."""

    json: bool = False
    quiet: bool = False

    def record(self, values: dict) -> None:
        """An object on stdout, if JSON is wanted."""
        if self.json:
            click.echo(json.dumps(values))

    def line(self, text: str) -> None:
        """A result on stdout, unless JSON is wanted."""
        if not self.json:
            click.echo(printable(text))

    def say(self, text: str) -> None:
        """How it went, on stderr."""
        if not (self.quiet or self.json):
            click.echo(printable(text), err=True)

    def warn(self, text: str) -> None:
        """Something a person should know, on stderr."""
        if not self.quiet:
            click.echo(f"Warning: {printable(text)}", err=True)

    def failed(self, error: BaseException, **values: object) -> int:
        """Tell of an error on stderr, in JSON on stdout too beside `values` (`file`: the input); its code."""
        failure = explain(error)
        if failure.exit_code == CLOSED_PIPE:
            return CLOSED_PIPE
        show_traceback(error)
        if isinstance(error, click.UsageError):
            error.show()
        else:
            file = values.get("file")
            message = with_name(failure.message, file if isinstance(file, str) else None)
            click.echo(f"Error: {printable(message)}", err=True)
        self.record({**values, "exit_code": failure.exit_code, "error": failure.message})
        return failure.exit_code

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[float, float | None], None]]:
        """A bar on stderr, in a terminal; the function takes seconds done and seconds there are, if known."""
        if self.quiet or not sys.stderr.isatty():
            yield lambda done, whole: None
            return
        with bars_on_stderr() as bars:
            task = bars.add_task(printable(title), total=None)
            yield lambda done, whole: bars.update(task, completed=done, total=whole)

    def table(
        self, rows: Sequence[Sequence[str]], header: Sequence[str] | None = None, title: str | None = None
    ) -> None:
        """Aligned columns on stdout, unless JSON is wanted; a terminal's width is kept to."""
        if self.json:
            return
        from rich.table import Table

        table = Table(
            box=None,
            show_header=header is not None,
            padding=(0, 2, 0, 0),
            pad_edge=False,
        )
        for name in header or [""] * len(rows[0]):
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*map(printable, row))
        console = _console()
        with console.capture() as shown:
            if title:
                console.print(printable(title), style="bold", soft_wrap=True)
            console.print(table)
        for text in shown.get().splitlines():
            click.echo(text if console.is_terminal else text.rstrip())


def bars_on_stderr(time_left: bool = True):
    """rich's `Progress` on stderr, gone when it is done."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = [TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn()]
    if time_left:
        columns.append(TimeRemainingColumn())
    return Progress(*columns, console=_console(stderr=True), transient=True, redirect_stdout=False)


def with_name(message: str, name: str | None) -> str:
    """A message that begins with the input it speaks of."""
    name = "standard input" if name == "-" else name
    return message if name is None or message.startswith((f"{name}:", f"{name} ")) else f"{name}: {message}"


def _console(stderr: bool = False):
    """A console that takes text as it is: names and tags are no markup."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(file=stream, width=width, markup=False, emoji=False, highlight=False)
