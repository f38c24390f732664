"""Measure nac beside Opus at the same file size: the command behind a model card.

    python -m nac_cli.bench CLIPS --mono --rates 6 --opus 9,12,16 -o report
"""

from __future__ import annotations

import sys
from pathlib import Path

import click
from rich.console import Console

from nac_cli.bench.compare import CODECS, COLUMNS, clips_in, compare
from nac_cli.bench.peers import JUDGES
from nac_cli.bench.results import means, table, write_csv, write_json
from nac_cli.errors import BatchFailed, NacError


class KilobitRates(click.ParamType):
    """`6,9,12` in kbit/s as bit/s."""

    name = "KBPS,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(round(float(rate) * 1000) for rate in value.split(",") if rate)
        except ValueError:
            self.fail(f"{value!r} is not a list of rates in kbit/s such as 6,9,12", param, ctx)
        if any(not 0 < rate < 1_000_000 for rate in rates):
            self.fail(f"{value!r} is out of range: rates are in kbit/s", param, ctx)
        return rates


class Names(click.ParamType):
    """`nac,opus` as a tuple."""

    name = "NAME,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        return value if isinstance(value, tuple) else tuple(value.split(","))


@click.command()
@click.argument("inputs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--rates", type=KilobitRates(), default="6", show_default=True,
              help="Rates of nac; Opus is matched to each file.")
@click.option("--opus", "opus_rates", type=KilobitRates(), default="", help="Further rates of Opus.")
@click.option("--codecs", type=Names(), default=",".join(CODECS), show_default=True,
              help="Without nac, --rates are those of Opus.")
@click.option("--mono", is_flag=True, help="Mix every clip down to mono first.")
@click.option("--judges", type=Names(), default=",".join(JUDGES), show_default=True,
              help="Metrics whose mean rank chooses Opus' best setting per clip.")
@click.option("--columns", type=Names(), default=",".join(COLUMNS), show_default=True,
              help="What to measure.")
@click.option("-o", "--output", type=click.Path(path_type=Path),
              help="Where to write, without suffix: .csv and .json are added.  [default: CSV on stdout]")
def main(inputs, rates, opus_rates, codecs, mono, judges, columns, output) -> None:
    """Measure nac beside Opus at the same file size on the clips INPUTS (files or folders)."""
    console = Console(stderr=True, highlight=False)
    left_out: list[str] = []
    rows = compare(
        clips_in(inputs), codecs, rates, opus_rates, mono, columns, judges, warn=left_out.append,
        progress=lambda row: console.print(f"{row.clip}: {row.codec} {row.bitrate / 1000:.2f} kbit/s"),
    )
    console.print(table([*rows, *means(rows)]))
    if output is None:
        write_csv(rows, sys.stdout)
    else:
        with open(f"{output}.csv", "w", encoding="utf-8", newline="") as file:
            write_csv(rows, file)
        write_json(rows, Path(f"{output}.json"))
    if left_out:
        raise BatchFailed("left out:\n" + "\n".join(left_out))


if __name__ == "__main__":
    try:
        main(prog_name="python -m nac_cli.bench")
    except NacError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
