"""`nac bench run` and `report`: measuring, and the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.bench import options as bench_options
from nac_cli.cli.bench.options import FOLDER, PATHS, KilobitRates, Names
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted, kilobits
from nac_cli.errors import BatchFailed, UsageError

if TYPE_CHECKING:
    from nac_cli.bench.compare import Done, Plan
    from nac_cli.bench.results import Row


@click.command("run", short_help="Measure clips through codecs at rates.")
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...", type=PATHS)
@click.option("--rates", type=KilobitRates(), default="6", show_default=True, help="Rates of nac in kbit/s.")
@click.option(
    "--peers",
    type=Names(),
    default="opus,mp3",
    show_default=True,
    help="Codecs beside nac, matched to the size of each of its files: opus, mp3, aac; and where they are "
    "installed fdkaac (the command, or an ffmpeg with libfdk_aac), lyra (its programs), encodec, dac, snac, "
    "taae (a model).",
)
@click.option(
    "--peer-rates",
    type=KilobitRates(),
    default="",
    help="Further rates of the peers, so that their curves go on where nac's end, and to find more exactly where "
    "a peer is as good as nac.",
)
@click.option(
    "--metrics",
    type=Names(),
    metavar="NAME,...",
    help="What to measure.  [default: all whose packages are installed]",
)
@click.option(
    "--judges",
    type=Names(),
    metavar="NAME,...",
    help="Metrics whose mean rank chooses a peer's best setting for each clip.  [default: visqol,zimtohrli,mel]",
)
@click.option("--model", default=options.DEFAULT_MODEL, show_default=True, metavar="NAME", help="nac's model.")
@options.entropy_option
@click.option("--without-nac", is_flag=True, help="Measure the peers alone, at --rates.")
@click.option(
    "--without-memory",
    is_flag=True,
    help="Do not run every codec once more, in a process of its own, for its memory.",
)
@click.option("--mono", is_flag=True, help="Mix every clip down to mono first.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that work at the same time; speeds are measured best with one.",
)
@click.option(
    "-o",
    "--output",
    metavar="REPORT",
    type=click.Path(file_okay=False, path_type=Path),
    help="A folder for results, sounds and the page; a run that was stopped goes on there.",
)
@bench_options.budget_option
@options.json_option
@options.quiet_option
def run(
    paths,
    rates,
    peers,
    peer_rates,
    metrics,
    judges,
    model,
    entropy,
    without_nac,
    without_memory,
    mono,
    jobs,
    output,
    sound_budget,
    as_json,
    quiet,
) -> None:
    """Measure nac and its peers on PATHS: files, or folders of them.

    Each clip goes through nac at each rate, and through each peer at the very size of nac's file, in the
    peer's best setting for that clip. With -o there are results.csv, results.json and report.html in the
    folder REPORT, and what was measured before is not measured again.

    \b
    nac bench clips/ --rates 3,6,9 --peers opus,mp3 --peer-rates 10,11,12,14,16 --jobs 4 -o report/
    nac bench song.flac --rates 6 --peers opus --metrics mel,visqol --json
    """
    from nac_cli.bench.clips import clips_in
    from nac_cli.bench.compare import Plan, compare
    from nac_cli.bench.store import Store

    out = Output(as_json, quiet)
    absent: dict[str, str] = {}
    plan = Plan(
        codecs=(*(() if without_nac else ("nac",)), *_present(peers, absent)),
        rates=rates,
        peer_rates=peer_rates,
        columns=_usable(metrics, absent),
        judges=_judges(judges, absent),
        mono=mono,
        memory=not without_memory,
        model=model,
        entropy=entropy,
    )
    for name, reason in absent.items():
        out.warn(f"without {name}: {reason}")
    clips = clips_in(paths)
    left_out: list[str] = []

    def warn(message: str) -> None:
        left_out.append(message)
        out.warn(f"left out: {message}")

    with out.progress("bench") as bar:

        def progress(done: Done, count: int, whole: int) -> None:
            bar(count, whole)
            for row in done.rows:
                out.say(f"[{count}/{whole}] {row.clip}: {row.codec} {kilobits(row.bitrate)}, {row.setting}")

        rows = compare(clips, plan, Store(output) if output else None, jobs, warn, progress)
    _tell(rows, out)
    if output and rows:
        _write(output, rows, plan, {"absent": absent, "left_out": left_out}, sound_budget, out)
    if left_out:
        raise BatchFailed(f"{counted(len(left_out), 'result')} left out, as said above")


def _present(peers: tuple[str, ...], absent: dict[str, str]) -> list[str]:
    """Those that can take part; what keeps the others from it goes to `absent`."""
    from nac_cli.bench.nac import FAMILIES, model_of_family
    from nac_cli.bench.peers import PEERS

    for name in peers:
        missing = PEERS[name].missing() if name in PEERS else None
        if name in FAMILIES:
            try:
                model_of_family(name)
            except UsageError as error:
                missing = str(error)
        if missing:
            absent[name] = missing
    return [name for name in peers if name not in absent]


def _usable(names: tuple[str, ...] | None, absent: dict[str, str]) -> tuple[str, ...]:
    """All metrics that can be measured here, or `names`, which then have to be."""
    from nac_cli.bench.metrics import METRICS, missing_metrics

    if unknown := sorted(set(names or ()) - set(METRICS)):
        raise UsageError(f"unknown metric {', '.join(unknown)}; there are {', '.join(METRICS)}")
    missing = missing_metrics(names or METRICS)
    if names and missing:
        raise UsageError("; ".join(f"{name}: {reason}" for name, reason in missing.items()))
    absent |= missing
    return names or tuple(name for name in METRICS if name not in missing)


def _judges(names: tuple[str, ...] | None, absent: dict[str, str]) -> tuple[str, ...]:
    """Those that can judge; the page says which did."""
    from nac_cli.bench.metrics import missing_metrics
    from nac_cli.bench.peers import JUDGES

    if names is not None:
        return _usable(names, absent) if names else ()
    missing = missing_metrics(JUDGES)
    absent |= missing
    return tuple(name for name in JUDGES if name not in missing)


def _tell(rows: list[Row], out: Output) -> None:
    """Means on stdout as tables, or every row as JSON."""
    from nac_cli.bench.results import means, metrics_of, plain
    from nac_cli.bench.tables import cost_table, mean_table

    for row in rows:
        out.record(plain(row))
    if rows:
        found = means(rows)
        for header, lines in (mean_table(found, metrics_of(rows)), cost_table(found)):
            out.table(lines, [name.upper() for name in header])


def _write(folder: Path, rows: list[Row], plan: Plan, missed: dict, sound_budget: int, out: Output) -> None:
    from dataclasses import asdict

    from nac_cli.bench.report import RESULTS_FILE, read_results, write_report
    from nac_cli.bench.results import write_csv, write_json
    from nac_cli.files import atomic_path

    with (
        atomic_path(folder / "results.csv", force=True) as beside,
        open(beside, "w", encoding="utf-8", newline="") as file,
    ):
        write_csv(rows, file)
    write_json(rows, folder / RESULTS_FILE, {"plan": asdict(plan), **missed})
    out.say(f"{write_report(folder, read_results(folder), sound_budget)}: open it in a browser")


@click.command("report", short_help="Make the page of a report again.")
@click.argument("report", metavar="REPORT", type=FOLDER)
@bench_options.budget_option
@options.quiet_option
def report(report, sound_budget, quiet) -> None:
    """Make report.html of the folder REPORT again from its results, without measuring.

    \b
    nac bench report report/ --sound-budget 20MB
    """
    from nac_cli.bench.report import read_results, write_report

    path = write_report(report, read_results(report), sound_budget)
    Output(quiet=quiet).say(f"{path}: open it in a browser")
