"""`nac bench`: numbers, pictures and ears, against other codecs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted
from nac_cli.cli.units import ByteSize
from nac_cli.errors import BatchFailed, UsageError

if TYPE_CHECKING:
    from nac_cli.bench.compare import Done
    from nac_cli.bench.results import Row

DEFAULT = "run"
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PATHS = click.Path(exists=True, path_type=Path)


class Bench(click.Group):
    """`nac bench PATHS` is `nac bench run PATHS`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


class KilobitRates(click.ParamType):
    """`6,9,12` in kbit/s as bit/s."""

    name = "KBPS,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        try:
            rates = tuple(round(float(rate) * 1000) for rate in value.split(",") if rate)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a list of rates in kbit/s such as 6,9,12", param, ctx)
        if any(not 0 < rate < 1_000_000 for rate in rates):
            self.fail(f"{value!r} is out of range: rates are in kbit/s", param, ctx)
        return tuple(dict.fromkeys(rates))


class Names(click.ParamType):
    """`mel,visqol` as a tuple; `none` is empty."""

    name = "NAME,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        return () if names == ("none",) else names


@click.group("bench", cls=Bench, short_help="How good nac is, beside other codecs.")
def command() -> None:
    """Measure nac beside other codecs at the same file size, and make a page to look at and to listen to.

    nac bench PATHS is short for nac bench run PATHS.

    \b
    nac bench clips/ --rates 3,6,12 --peers opus,mp3 -o report/
    nac bench listen report/                        a blind listening test
    nac bench score answers/*.json                  what the listeners said
    """


@command.command("run", short_help="Measure clips through codecs at rates.")
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...", type=PATHS)
@click.option("--rates", type=KilobitRates(), default="6", show_default=True, help="Rates of nac in kbit/s.")
@click.option("--peers", type=Names(), default="opus,mp3", show_default=True,
              help="Codecs beside nac, matched to the size of each of its files: opus, mp3, aac; fdkaac, encodec, dac, "
              "snac and taae where their program or a model is installed.")
@click.option("--peer-rates", type=KilobitRates(), default="",
              help="Further rates of the peers, so that their curves go on where nac's end.")
@click.option("--metrics", type=Names(), metavar="NAME,...",
              help="What to measure.  [default: all whose packages are installed]")
@click.option("--judges", type=Names(), metavar="NAME,...",
              help="Metrics whose mean rank chooses a peer's best setting for each clip.  "
              "[default: visqol,zimtohrli,mel]")
@click.option("--model", default="nac-44k", show_default=True, metavar="NAME", help="nac's model.")
@options.entropy_option
@click.option("--without-nac", is_flag=True, help="Measure the peers alone, at --rates.")
@click.option("--mono", is_flag=True, help="Mix every clip down to mono first.")
@click.option("--jobs", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
              help="Processes that work at the same time; speeds are measured best with one.")
@click.option("-o", "--output", metavar="REPORT", type=click.Path(file_okay=False, path_type=Path),
              help="A folder for results, sounds and the page; a run that was stopped goes on there.")
@click.option("--sound-budget", type=ByteSize(), default="48MB", show_default=True, metavar="SIZE",
              help="How large the page may get by the sounds in it.")
@options.json_option
@options.quiet_option
def run(paths, rates, peers, peer_rates, metrics, judges, model, entropy, without_nac, mono, jobs, output,
        sound_budget, as_json, quiet) -> None:  # fmt: skip
    """Measure nac and its peers on PATHS: files, or folders of them.

    Each clip goes through nac at each rate, and through each peer at the very size of nac's file, in the peer's best
    setting for that clip. With -o there are results.csv, results.json and report.html in the folder REPORT, and what
    was measured before is not measured again.

    \b
    nac bench clips/ --rates 1.5,3,6,9,12 --peers opus,mp3,aac --jobs 4 -o report/
    nac bench song.flac --rates 6 --peers opus --metrics mel,visqol --json
    """
    from nac_cli.bench.clips import clips_in
    from nac_cli.bench.compare import Plan, compare
    from nac_cli.bench.store import Store

    out = Output(as_json, quiet)
    codecs = () if without_nac else ("nac",)
    plan = Plan(
        codecs=(*codecs, *_present(peers, out)), rates=rates, peer_rates=peer_rates,
        columns=_usable(metrics, out), judges=_judges(judges, out), mono=mono, model=model, entropy=entropy,
    )  # fmt: skip
    clips = clips_in(paths)
    left_out: list[str] = []

    def warn(message: str) -> None:
        left_out.append(message)
        out.warn(f"left out: {message}")

    with out.progress("bench") as bar:

        def progress(done: Done, count: int, whole: int) -> None:
            bar(count, whole)
            for row in done.rows:
                out.say(f"[{count}/{whole}] {row.clip}: {row.codec} {row.bitrate / 1000:.2f} kbit/s, {row.setting}")

        rows = compare(clips, plan, Store(output) if output else None, jobs, warn, progress)
    _tell(rows, out)
    if output and rows:
        _write(output, rows, plan, left_out, sound_budget, out)
    if left_out:
        raise BatchFailed(f"{counted(len(left_out), 'result')} left out, as said above")


def _present(peers: tuple[str, ...], out: Output) -> list[str]:
    """Those that can take part; what keeps the others from it is said."""
    from nac_cli.bench.nac import FAMILIES, model_of_family
    from nac_cli.bench.peers import PEERS

    present = []
    for name in peers:
        missing = None
        if name in PEERS:
            missing = PEERS[name].missing()
        elif name in FAMILIES:
            try:
                model_of_family(name)
            except UsageError as error:
                missing = str(error)
        if missing:
            out.warn(f"without {name}: {missing}")
        else:
            present.append(name)
    return present


def _usable(names: tuple[str, ...] | None, out: Output) -> tuple[str, ...]:
    """All metrics that can be measured here, or `names`, which then have to be."""
    from nac_cli.bench.metrics import METRICS, missing_metrics

    if unknown := sorted(set(names or ()) - set(METRICS)):
        raise UsageError(f"unknown metric {', '.join(unknown)}; there are {', '.join(METRICS)}")
    missing = missing_metrics(names or METRICS)
    if names and missing:
        raise UsageError("; ".join(f"{name}: {reason}" for name, reason in missing.items()))
    for name, reason in missing.items():
        out.warn(f"without {name}: {reason}")
    return names or tuple(name for name in METRICS if name not in missing)


def _judges(names: tuple[str, ...] | None, out: Output) -> tuple[str, ...]:
    from nac_cli.bench.metrics import missing_metrics
    from nac_cli.bench.peers import JUDGES

    if names is not None:
        return _usable(names, out) if names else ()
    missing = missing_metrics(JUDGES)
    if missing:
        out.warn(f"peers' settings are chosen without {', '.join(missing)}")
    return tuple(name for name in JUDGES if name not in missing)


def _tell(rows: list[Row], out: Output) -> None:
    """Means on stdout as a table, or every row as JSON."""
    from nac_cli.bench.results import means, metrics_of, plain
    from nac_cli.bench.tables import mean_table

    for row in rows:
        out.record(plain(row))
    if rows:
        header, lines = mean_table(means(rows), metrics_of(rows))
        out.table(lines, header)


def _write(folder: Path, rows: list[Row], plan, left_out: list[str], sound_budget: int, out: Output) -> None:
    from dataclasses import asdict

    from nac_cli.bench.results import write_csv, write_json

    with open(folder / "results.csv", "w", encoding="utf-8", newline="") as file:
        write_csv(rows, file)
    write_json(rows, folder / "results.json", {"plan": asdict(plan), "left_out": left_out})
