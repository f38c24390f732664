"""The commands of `nac train` that prepare, look at and pack a corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted, kilobits, kilohertz, layout, size
from nac_cli.cli.train.contents import corpus_record, shares
from nac_cli.cli.units import Bitrate, ByteSize
from nac_cli.errors import OutputExists
from nac_cli.values import MAX_SAMPLE_RATE, MIN_SAMPLE_RATE

if TYPE_CHECKING:
    from nac_cli.train.corpus.scan import Domain, Scan

SOURCE = click.Path(exists=True, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
MINUTES = click.FloatRange(min=0, min_open=True)
BITRATES = {"opus": 96_000, "vorbis": 96_000, "flac": None}
COLUMNS = ("DOMAIN", "FILES", "TIME", "FULL BAND", "BITRATE", "RATES", "CHANNELS")

rate_option = click.option(
    "--sample-rate",
    type=click.IntRange(MIN_SAMPLE_RATE, MAX_SAMPLE_RATE),
    default=44_100,
    show_default=True,
    metavar="HZ",
    help="Rate of the corpus: that of the model to train.",
)
jobs_option = click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, metavar="N", help="Processes."
)


@click.command("prepare", short_help="Decode recordings into a corpus.")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=SOURCE)
@click.argument("target", metavar="DST", type=NEW_FOLDER)
@rate_option
@jobs_option
@click.option("-f", "--force", is_flag=True, help="Replace a corpus in DST.")
@options.json_option
@options.quiet_option
def prepare(sources, target, sample_rate, jobs, force, as_json, quiet) -> None:
    """Decode all sound under the folders SRC into a corpus in the folder DST.

    The first folder below SRC names the domain; presets balance music, speech, env and instrument. SRC may
    also be a tar shard made by `nac train pack`, which brings its domains with it.

    \b
    nac train prepare sounds/ corpus/       reads sounds/music/..., sounds/speech/...
    nac train prepare shards/*.tar corpus/
    """
    from nac_cli.cli.train.teller import RunTeller
    from nac_cli.train.corpus.folders import prepare_folders

    _check_sources(sources, target)
    out = Output(as_json, quiet)
    check_target(target, force)
    made = prepare_folders(sources, target, sample_rate, jobs, RunTeller(out))
    out.record({**corpus_record(target, made.items), "left_out": made.left_out, "exit_code": 0})


@click.command("scan", short_help="Say what a folder, corpus or shard holds.")
@click.argument("paths", nargs=-1, required=True, metavar="DIR...", type=SOURCE)
@jobs_option
@options.json_option
@options.quiet_option
def scan(paths, jobs, as_json, quiet) -> None:
    """Say what folders of recordings hold, or prepared corpora, or shards.

    Of a folder every file is read, in part; of a corpus and a shard only the manifest.

    \b
    nac train scan recordings/
    nac train scan --json corpus/ shards/shard-000.tar
    """
    out = Output(as_json, quiet)

    def look(path: Path) -> Outcome:
        from nac_cli.train.corpus.scan import scan as scan_path

        with out.progress(path.name) as progress:
            found = scan_path(path, jobs, progress)
        for message in found.unreadable:
            out.warn(f"not usable: {message}")
        rows = [_row(name, domain) for name, domain in found.domains.items()]
        out.table([*rows, _row("all", found.total)], header=COLUMNS, title=f"{path} ({found.kind})")
        return Outcome(_record(found))

    run_each(paths, str, look, out)


@click.command("pack", short_help="Pack a corpus into shards of a bounded size.")
@click.argument("source", metavar="CORPUS", type=FOLDER)
@click.argument("target", metavar="OUT", type=NEW_FOLDER)
@click.option(
    "--size",
    "shard_bytes",
    type=ByteSize(),
    default="60MiB",
    show_default=True,
    metavar="SIZE",
    help="Most that a shard may have.",
)
@click.option(
    "--format",
    "codec",
    type=click.Choice(list(BITRATES)),
    default="opus",
    show_default=True,
    help="How the sound is encoded; opus resamples to 48 kHz.",
)
@click.option(
    "--quality",
    type=Bitrate(),
    metavar="RATE",
    help="Aimed at for one channel of opus or vorbis, such as 64kbps.  [default: 96kbps]",
)
@click.option("--minutes", type=MINUTES, metavar="N", help="How much to pack.  [default: everything]")
@click.option("--weights", default="", metavar="DOMAIN=W,...", help="Shares of the domains.  [default: all alike]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the drawing.")
@jobs_option
@click.option("-f", "--force", is_flag=True, help="Replace shards in OUT.")
@options.json_option
@options.quiet_option
def pack(source, target, shard_bytes, codec, quality, minutes, weights, seed, jobs, force, as_json, quiet) -> None:
    """Pack a prepared CORPUS into tar shards of a bounded size in the folder OUT.

    Long files are cut into excerpts of at most 20 s. Every shard is a balanced random sample of the domains,
    so that the first ones alone are a good small corpus. `nac train prepare` takes them back.

    \b
    nac train pack corpus/ shards/ --size 60MiB --quality 64kbps
    nac train prepare shards/shard-00?.tar small-corpus/
    """
    from nac_cli.train.corpus import shards
    from nac_cli.train.corpus.encoding import Encoding

    out = Output(as_json, quiet)
    encoding = Encoding(codec, BITRATES[codec] if quality is None else quality)
    seconds = None if minutes is None else 60 * minutes
    with out.progress("packing") as progress:
        packed = shards.pack(
            source, target, shard_bytes, encoding, seconds, _weights(weights), seed, jobs, force, progress
        )
    total = sum(packed.seconds.values())
    out.say(
        f"{target}: {counted(len(packed.shards), 'shard')}, {size(packed.total_bytes)}, "
        f"{counted(packed.excerpts, 'excerpt')}, {clock(total)} ({shares(packed.seconds)}), "
        f"{kilobits(packed.channel_bitrate)} a channel"
    )
    out.record({"target": str(target)} | asdict(packed) | {"shards": list(map(str, packed.shards)), "exit_code": 0})


def check_target(target: Path, force: bool) -> None:
    """Raise OutputExists when a corpus is there and `force` is not given."""
    from nac_cli.train.corpus.prepare import MANIFEST

    if (target / MANIFEST).exists() and not force:
        raise OutputExists(f"{target}: holds a corpus already; use --force to replace it")


def _check_sources(sources: Sequence[Path], target: Path) -> None:
    if target.resolve() in [source.resolve() for source in sources]:
        raise click.UsageError(f"{target}: the corpus needs a folder of its own.")
    for source in sources:
        if not source.is_dir() and source.suffix != ".tar":
            raise click.UsageError(f"{source}: neither a folder nor a shard, whose name ends in .tar.")


def _weights(text: str) -> dict[str, float]:
    weights = {}
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        try:
            weights[name.strip()] = float(number)
        except ValueError:
            raise click.UsageError(f"--weights: {part!r} is not like music=2.") from None
        if not 0 <= weights[name.strip()] < float("inf"):
            raise click.UsageError(f"--weights: {part!r}: a weight is 0 or more.")
    return weights


def _row(name: str, domain: Domain) -> tuple[str, ...]:
    rates = ", ".join(f"{count} x {kilohertz(rate)}" for rate, count in domain.sample_rates.most_common())
    channels = ", ".join(f"{count} {layout(channels)}" for channels, count in domain.channels.most_common())
    bitrate = "" if domain.bitrate is None else kilobits(domain.bitrate)
    share = f"{domain.full_band_share:.0%}"
    return name, str(domain.files), clock(domain.seconds), share, bitrate, rates, channels


def _record(found: Scan) -> dict:
    def sums(domain: Domain) -> dict:
        return vars(domain) | {"full_band_share": domain.full_band_share, "bitrate": domain.bitrate}

    return {
        "kind": found.kind,
        **sums(found.total),
        "domains": {name: sums(domain) for name, domain in found.domains.items()},
        "licences": found.licences,
        "unreadable": found.unreadable,
    }
