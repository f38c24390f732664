"""Steps and losses of a training run on stderr: a bar in a terminal, now and then a line elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

LINE_EVERY = 100
SMOOTHING = 0.05

Show = Callable[[int, dict[str, float]], None]


@contextmanager
def training_progress(steps: int, quiet: bool) -> Iterator[Show]:
    """The function takes the step reached and its losses; it shows their running means."""
    means: dict[str, float] = {}

    def words(losses: dict[str, float]) -> str:
        for name, value in losses.items():
            means[name] = means.get(name, value) + SMOOTHING * (value - means.get(name, value))
        return "  ".join(f"{name} {means[name]:.3f}" for name in losses)

    if quiet:
        yield lambda step, losses: None
    elif sys.stderr.isatty():
        with _bar(steps) as update:
            yield lambda step, losses: update(step, words(losses))
    else:

        def line(step: int, losses: dict[str, float]) -> None:
            text = words(losses)
            if step % LINE_EVERY == 0 or step == steps:
                click.echo(f"step {step} of {steps}: {text}", err=True)

        yield line


@contextmanager
def _bar(steps: int) -> Iterator[Callable[[int, str], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("", total=steps)
        yield lambda step, text: bars.update(task, completed=step, description=text)
