"""`nac train corpus`: the whole corpus from Debian packages."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.output import Output
from nac_cli.cli.text import printable
from nac_cli.cli.train.contents import corpus_record, say_corpus
from nac_cli.cli.train.corpus import (
    FOLDER,
    MINUTES,
    NEW_FOLDER,
    check_target,
    jobs_option,
    rate_option,
)

if TYPE_CHECKING:
    from nac_cli.train.corpus.build import Built

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("corpus", short_help="Build the corpus from Debian packages.")
@click.argument("target", metavar="DST", type=NEW_FOLDER)
@click.option("--packages", "table", type=FILE, metavar="TSV", help="Another table of packages than nac's.")
@click.option("--only", metavar="NAME,...", default="", help="Only these packages of the table.  [default: all]")
@click.option("--extras", type=FOLDER, metavar="DIR", help="More recordings, with their LICENCES.tsv.")
@click.option(
    "--min-kbps",
    type=click.FloatRange(min=0),
    metavar="KBPS",
    help="Leave out a package's domain if its files have fewer kbit/s.  [default: 75, speech 50]",
)
@click.option(
    "--max-per-package",
    type=MINUTES,
    metavar="MINUTES",
    help="Taken of a domain from one package.  [default: music 14, speech 50, env 25, effects 12, others 15]",
)
@click.option(
    "--renders",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    metavar="MINUTES",
    help="Music rendered from the packages' MIDI files by fluidsynth.",
)
@click.option(
    "--soundfont",
    "soundfonts",
    type=FILE,
    metavar="SF2",
    multiple=True,
    help="For the renders; of several each in turn.  [default: installed ones]",
)
@click.option("--cache", type=NEW_FOLDER, metavar="DIR", help="Keeps packages.  [default: DST/packages]")
@click.option("--keep", is_flag=True, help="Leave the unpacked recordings in the cache too.")
@rate_option
@jobs_option
@click.option("-f", "--force", is_flag=True, help="Replace a corpus in DST.")
@options.json_option
@options.quiet_option
def corpus(target, table, only, max_per_package, renders, cache, jobs, force, as_json, quiet, **rest) -> None:
    """Build a corpus of free recordings from Debian packages in the folder DST.

    Packages are downloaded by `apt-get download`; nothing is installed. What is in the cache already is not
    fetched again, so that an interrupted run goes on where it was. Held-out packages are never used.

    \b
    nac train corpus corpus/                              several GB, about 15 hours of sound
    nac train corpus corpus/ --only krank,zatacka --renders 0
    """
    from nac_cli.train.corpus.build import Recipe, build

    out = Output(as_json, quiet)
    check_target(target, force)
    names = tuple(name.strip() for name in only.split(",") if name.strip())
    recipe = Recipe(table, names, max_minutes=max_per_package, render_minutes=renders, workers=jobs, **rest)
    left_out: list[str] = []

    def report(message: str) -> None:
        left_out.append(message)
        out.warn(f"left out: {message}")

    with _stages(out) as stage:
        built = build(target, cache or target / "packages", recipe, report, stage)
    _say_left_out(built, out)
    say_corpus(target, built.items, out)
    out.record(
        {
            **corpus_record(target, built.items),
            "missing": built.missing,
            "left_out": left_out,
            "left_out_files": dict(built.left_out),
            "exit_code": 0,
        }
    )


def _say_left_out(built: Built, out: Output) -> None:
    if built.left_out:
        reasons = ", ".join(f"{count} {reason}" for reason, count in built.left_out.most_common())
        out.say(f"files not taken: {reasons}")
    if built.missing:
        out.say(f"packages that could not be had: {', '.join(built.missing)}")


@contextmanager
def _stages(out: Output) -> Iterator[Callable[[int, int, str], None]]:
    """Shows stages done and the present one: a bar in a terminal, lines elsewhere."""
    if out.quiet or out.json or not sys.stderr.isatty():
        yield lambda done, whole, text: out.say(f"{done} of {whole}: {text}")
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    console = Console(stderr=True, markup=False, highlight=False)
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, whole, text: bars.update(task, completed=done, total=whole, description=printable(text))
