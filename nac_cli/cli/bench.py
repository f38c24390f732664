"""`nac bench`: numbers, pictures and ears, against other codecs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted, size
from nac_cli.cli.units import Bitrate, ByteSize
from nac_cli.errors import BatchFailed, UsageError

if TYPE_CHECKING:
    from nac_cli.bench.compare import Done
    from nac_cli.bench.results import Row
    from nac_cli.bench.score import Discrimination, Rating
    from nac_cli.bench.speed import Pass

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


class Counts(click.ParamType):
    """`1,4,16` as whole numbers."""

    name = "N,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",") if part.strip()]
        if not all(part.isdecimal() and 0 < int(part) <= 4096 for part in parts):
            self.fail(f"{value!r} is not a list of numbers from 1 to 4096 such as 1,4", param, ctx)
        return tuple(map(int, parts))


class Names(click.ParamType):
    """`mel,visqol` as a tuple; `none` is empty."""

    name = "NAME,..."

    def convert(self, value: str | tuple, param: click.Parameter | None, ctx: click.Context | None) -> tuple:
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
        return () if names == ("none",) else names


budget_option = click.option(
    "--sound-budget", type=ByteSize(), default="48MB", show_default=True, metavar="SIZE",
    help="How large the page may get by the sounds in it.",
)  # fmt: skip


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
@budget_option
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

    from nac_cli.bench.report import RESULTS_FILE, read_results, write_report
    from nac_cli.bench.results import write_csv, write_json

    with open(folder / "results.csv", "w", encoding="utf-8", newline="") as file:
        write_csv(rows, file)
    write_json(rows, folder / RESULTS_FILE, {"plan": asdict(plan), "left_out": left_out})
    out.say(f"{write_report(folder, read_results(folder), sound_budget)}: open it in a browser")


@command.command("report", short_help="Make the page of a report again.")
@click.argument("report", metavar="REPORT", type=FOLDER)
@budget_option
@options.quiet_option
def report(report, sound_budget, quiet) -> None:
    """Make report.html of the folder REPORT again from its results, without measuring.

    \b
    nac bench report report/ --sound-budget 20MB
    """
    from nac_cli.bench.report import read_results, write_report

    path = write_report(report, read_results(report), sound_budget)
    Output(quiet=quiet).say(f"{path}: open it in a browser")


@command.command("listen", short_help="Write a blind listening test.")
@click.argument("report", metavar="REPORT", type=FOLDER)
@click.option("--rates", type=KilobitRates(), default="", help="Rates to hear, in kbit/s.  [default: all]")
@click.option("--codecs", type=Names(), default="", help="Codecs to hear.  [default: all]")
@click.option("--kind", type=click.Choice(["both", "mushra", "abx"]), default="both", show_default=True,
              help="Rating against a reference, telling apart, or both.")
@click.option("--clips", type=click.IntRange(min=1), metavar="N", help="How many clips, drawn by the seed.  [default: all]")
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


@command.command("score", short_help="What the listeners said.")
@click.argument("files", nargs=-1, required=True, metavar="FILES...", type=PATHS)
@options.json_option
def score(files, as_json) -> None:
    """Mean ratings and ABX scores with 95 % intervals, of results of a listening test (JSON or CSV).

    Listeners who rate the hidden reference below 90 in at least 20 % of the cases, or the low anchor above 80 in more
    than half of them, do not count (Défossez et al. 2022, section 4.3).

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
        out.table([_rating_line(rating) for rating in found.ratings], ("CODEC", "KBIT/S", "RATING", "95 %", "RATINGS"))
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


@command.command("speed", short_help="How fast nac is, stage by stage.")
@click.argument("sound", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default="nac-44k", show_default=True, metavar="NAME")
@click.option("-b", "--bitrate", type=Bitrate(), default="6kbps", show_default=True, help=f"{options.bitrate_help}, of a "
              "channel pair or single channel.")
@click.option("--batches", type=Counts(), default="1,4", show_default=True,
              help="Sounds that the network takes at once.")
@click.option("--repeats", type=click.IntRange(min=1), default=3, show_default=True, metavar="N",
              help="The least time of so many counts.")
@click.option("--warm-only", is_flag=True, help="Do not start nac anew to measure it cold.")
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def speed(sound, model, bitrate, batches, repeats, warm_only, device, threads, as_json, quiet) -> None:
    """Measure compressing and decompressing SOUND (half a minute of noise if none is given) stage by stage.

    Warm is a process that has its model loaded; cold is one that starts. x is seconds of sound a second. Operations
    are counted in the network, and compared with what a product of large matrices reaches on this machine.

    \b
    nac bench speed
    nac bench speed song.flac --device cuda --batches 1,8,64 --json
    """
    from dataclasses import asdict

    from nac_cli.bench.speed import measure, sound_of

    out = Output(as_json, quiet)
    waveform = sound_of(sound)
    found = measure(waveform, model, bitrate, device, threads, batches, repeats, not warm_only, progress=out.say)
    out.record({**asdict(found), "exit_code": 0})
    out.line(f"{found.model} on {found.device}, {counted(found.threads, 'thread')}, {waveform.duration:.1f} s of "
             f"{waveform.channels} channel(s)")
    out.table([_pass_line(one) for one in found.passes], ("", "ENTROPY", "", "SECONDS", "x", "STAGES", "PEAK MEMORY"))
    out.line(f"The network alone; the machine's peak is {found.peak / 1e9:.1f} G operations/s in float32")
    lines = [(batch.direction, str(batch.size), f"{batch.speed:.1f}", f"{batch.operations / 1e9:.2f}", f"{batch.use:.0%}")
             for batch in found.batches]
    out.table(lines, ("", "BATCH", "x", "G OPERATIONS PER S OF SOUND", "OF THE PEAK"))


@command.command("codes", short_help="How well a model uses its codebooks.")
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...", type=PATHS)
@click.option("--model", default="nac-44k", show_default=True, metavar="NAME")
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def codes(paths, model, device, threads, as_json, quiet) -> None:
    """Count the codes that a model gives for PATHS at full depth, plane by plane.

    Used: share of the codebook that occurs. Entropy: bits of a code by frequency; normalised: by that of equally
    frequent codes. Tables, LM: bits of a code as nac would pack it. Before, below: bits that the code before it and
    that of the plane below tell of a code. With few sounds the first three come out low.

    \b
    nac bench codes clips/ --model nac-44k
    """
    from dataclasses import asdict

    from nac_cli.bench.clips import clips_in
    from nac_cli.bench.codes import codes_of, use
    from nac_cli.bench.tables import figure

    out = Output(as_json, quiet)
    with out.progress("codes") as bar:
        coded = codes_of(clips_in(paths), model, device, threads, bar)
        spec, planes = coded.spec, use(coded, model)
    packed, huffman = (sum(getattr(plane, name) for plane in planes) for name in ("packed_rate", "huffman_rate"))
    out.record({"model": spec.name, "family": spec.family, "packed_bitrate": packed, "huffman_bitrate": huffman,
                "planes": [asdict(plane) for plane in planes], "exit_code": 0})
    header = ("PLANE", "SIZE", "CODES", "USED", "ENTROPY", "NORMALISED", "HUFFMAN", "TABLES", "LM", "BEFORE", "BELOW")
    out.table([
        (str(plane.plane + 1), str(plane.size), str(plane.count), f"{plane.used:.0%}", figure(plane.entropy),
         figure(plane.normalised), figure(plane.huffman), figure(plane.table), figure(plane.language_model),
         figure(plane.before), figure(plane.below))
        for plane in planes
    ], header)  # fmt: skip
    out.line(f"{spec.name}: {packed:.0f} bit/s of a channel as packed bits, {huffman:.0f} in Huffman codes")


def _pass_line(one: Pass) -> tuple[str, ...]:
    stages = ", ".join(f"{name} {seconds:.3f}" for name, seconds in one.seconds.items()) if len(one.seconds) > 1 else ""
    peak = size(one.peak_bytes) if one.peak_bytes else "–"
    return one.direction, one.entropy, one.temperature, f"{one.total:.2f}", f"{one.speed:.1f}", stages, peak
