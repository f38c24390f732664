"""`nac bench listen` and `score`: a blind test, and what it gave."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.bench.options import FOLDER, PATHS, KilobitRates, Names
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted
from nac_cli.errors import UsageError

if TYPE_CHECKING:
    from nac_cli.bench.score import Discrimination, Rating


@click.command("listen", short_help="Write a blind listening test.")
@click.argument("report", metavar="REPORT", type=FOLDER)
@click.option("--rates", type=KilobitRates(), default="", help="Rates to hear, in kbit/s.  [default: all]")
@click.option("--codecs", type=Names(), default="", help="Codecs to hear.  [default: all]")
@click.option(
    "--kind",
    type=click.Choice(["both", "mushra", "abx"]),
    default="both",
    show_default=True,
    help="Rating against a reference, telling apart, or both.",
)
@click.option(
    "--clips",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many clips, drawn by the seed.  [default: all]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="What order and sides are drawn from.")
@options.quiet_option
def listen(report, rates, codecs, kind, clips, seed, quiet) -> None:
    """Write listen.html, a blind listening test with the sounds of the folder REPORT.

    The page works from a disk; its results are downloaded, and nac bench score reads them.

    \b
    nac bench listen report/ --rates 6 --codecs nac,opus --clips 5 --seed 7
    """
    from nac_cli.bench.listen import KINDS, write_test
    from nac_cli.bench.report import read_results

    rows = read_results(report).rows
    if missing := sorted(set(codecs) - {row.codec for row in rows}):
        raise UsageError(f"{report}: the report has no {', '.join(missing)}")
    path = write_test(report, rows, rates, codecs, KINDS if kind == "both" else (kind,), clips, seed)
    Output(quiet=quiet).say(f"{path}: open it in a browser, or give it to listeners")


@click.command("score", short_help="What the listeners said.")
@click.argument("files", nargs=-1, required=True, metavar="FILES...", type=PATHS)
@options.json_option
def score(files, as_json) -> None:
    """Mean ratings and ABX scores with 95 % intervals, of results of a listening test (JSON or CSV).

    Listeners who rate the hidden reference below 90 in at least 20 % of the cases, or the low anchor above 80
    in more than half of them, do not count (Défossez et al. 2022, section 4.3).

    \b
    nac bench score answers/*.json
    """
    from dataclasses import asdict

    from nac_cli.bench.score import read_answers
    from nac_cli.bench.score import score as score_answers

    out = Output(as_json)
    found = score_answers([answer for path in files for answer in read_answers(path)])
    out.record({**asdict(found), "exit_code": 0})
    for name, reason in found.rejected.items():
        out.warn(f"{name} does not count: {reason}")
    out.say(f"{counted(len(found.listeners), 'listener')}, {len(found.rejected)} set aside")
    if found.ratings:
        out.table(
            [_rating_line(rating) for rating in found.ratings],
            ("CODEC", "KBIT/S", "RATING", "95 %", "RATINGS"),
        )
    if found.discriminations:
        lines = [_abx_line(part) for part in found.discriminations]
        out.table(lines, ("CODEC", "KBIT/S", "ABX FOUND", "95 %", "P BY GUESSING"))


def _rating_line(rating: Rating) -> tuple[str, ...]:
    half = "–" if rating.half_width is None else f"± {rating.half_width:.1f}"
    rate = f"{rating.target / 1000:g}" if rating.target else "–"
    return rating.codec, rate, f"{rating.mean:.1f}", half, str(rating.count)


def _abx_line(part: Discrimination) -> tuple[str, ...]:
    low, high = part.interval
    found = f"{part.correct} of {part.count}"
    return part.codec, f"{part.target / 1000:g}", found, f"{low:.0%} to {high:.0%}", f"{part.p_value:.3f}"
