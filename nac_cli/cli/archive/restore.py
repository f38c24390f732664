"""`nac archive restore` and `nac archive export`: ways out of an archive."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.archive.workers.pool import Progressed, Refused
from nac_cli.cli import options
from nac_cli.cli.archive import options as archive_options
from nac_cli.cli.archive.check import archive_argument
from nac_cli.cli.archive.lists import LISTED, tell_first
from nac_cli.cli.archive.steps import steps
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted, size
from nac_cli.errors import BatchFailed, OutputExists
from nac_cli.failures import Failure

if TYPE_CHECKING:
    from nac_cli.archive.restoring import Piece, Restoration, Restored, RestorePlan


@click.command("restore", short_help="Sound files back from an archive.")
@archive_argument
@click.argument("out_name", metavar="OUT")
@click.option(
    "--format", type=click.Choice(["wav", "flac", "ogg"]), default="flac", show_default=True,
    help="Of the sound files; FLAC loses nothing and keeps all tags and pictures.",
)  # fmt: skip
@click.option(
    "--bits", type=click.Choice(["16", "24", "32"]),
    help="Sample width; 32 is float, for WAV only.  [default: 16, or 24 if the source had more than 16]",
)  # fmt: skip
@options.tags_option
@archive_options.patterns_options
@archive_options.workers_options
@click.option("-f", "--force", is_flag=True, help="Replace files that are in the way.")
@options.json_option
@options.quiet_option
def restore(archive, out_name, format, bits, no_tags, patterns, workers, force, as_json, quiet) -> None:
    """Decode every file of an archive to the place below OUT that it had in the library.

    Tags, pictures and times of change are put back, and files that are no sound are copied. song.mp3 becomes song.flac.
    Run again after an interruption: what is there with the right time and length is left alone. Of a damaged file what
    can be decoded is written, with the present time, and the exit code is 11.

    \b
    nac archive restore small/ music2/
    nac archive restore small/ music2/ --format wav --include 'Bach/*'
    """
    from nac_cli.archive.operations import RestoreOptions, open_restore

    out = Output(as_json, quiet)
    messages: Counter[str] = Counter()
    asked = RestoreOptions(format, bits and int(bits), not no_tags, patterns, force)
    with open_restore(archive, out_name, asked) as run:
        _announce(run.plan, out)
        with steps("restoring", [piece.entry for piece in run.plan.pieces], out) as counter:

            def watch(piece: Piece, event: Restored | Failure | Progressed) -> None:
                counter.add(piece.entry, event, not isinstance(event, Progressed) and event.exit_code != 0)
                _tell(piece, event, out, messages)

            done = run.perform(workers, watch)
    _conclude(run.plan, done, messages, out)


def _announce(plan: RestorePlan, out: Output) -> None:
    out.say(f"{counted(len(plan.pieces), 'file')} to restore, {len(plan.present)} there already")
    tell_first(
        [f"the usual name is taken: {piece.entry.path} -> {piece.output}" for piece in plan.renamed], out.say,
        lambda left: f"the usual name is taken: {left} more",
    )  # fmt: skip
    for piece in plan.in_the_way:
        error = OutputExists(f"{piece.output}: already exists, with another time or length; use --force to replace it")
        out.failed(error, file=piece.output, archived=piece.entry.target)


def _tell(piece: Piece, event: Restored | Failure | Progressed, out: Output, messages: Counter) -> None:
    """Tell a result, in JSON on stdout, and in words on stderr if it is bad. `messages` counts warnings."""
    from nac_cli.archive.status import gist

    if isinstance(event, Progressed):
        return
    record: dict[str, object] = {"file": piece.output, "archived": piece.entry.target}
    if isinstance(event, Failure):
        out.failed(Refused(event), **record)
        return
    for message in event.messages:
        messages[gist(message, piece.output)] += 1
    record |= {"bytes": event.bytes, "seconds": round(event.seconds, 3), "messages": list(event.messages)}
    if event.damage:
        text = f"{piece.output}: damaged, what could be decoded was written: {'; '.join(event.damage)}"
        out.failed(Refused(Failure(text, event.exit_code)), damage=list(event.damage), **record)
    else:
        out.record({**record, "exit_code": 0})


def _conclude(plan: RestorePlan, done: Restoration, messages: Counter, out: Output) -> None:
    bad = len(done.damaged) + len(done.failed) + len(plan.in_the_way)
    summary = {
        "whole": done.whole, "present": len(plan.present), "damaged": len(done.damaged), "failed": len(done.failed),
        "in_the_way": len(plan.in_the_way), "bytes": done.bytes, "seconds": round(done.seconds, 3),
    }  # fmt: skip
    for text, count in messages.most_common(LISTED):
        out.say(f"{counted(count, 'file')}: {text}")
    out.say(
        f"{counted(done.whole, 'file')} restored ({size(done.bytes)}, {clock(done.seconds)}), {len(plan.present)} "
        f"there before, {len(done.damaged)} in part, {len(done.failed)} failed, {len(plan.in_the_way)} in the way"
    )
    if bad:
        out.record(summary)
        raise BatchFailed(f"{bad} of {counted(done.whole + len(plan.present) + bad, 'file')} were not restored whole")
    out.record({**summary, "exit_code": 0})


@click.command("export", short_help="An archive as a BagIt bag.")
@archive_argument
@click.argument("out_name", metavar="OUT", type=click.Path(path_type=Path))
@click.option("--bagit", is_flag=True, required=True, help="A bag of BagIt 1.0 (RFC 8493), with SHA-256.")
@click.option("--copy", is_flag=True, help="Copy files, even where links would do.")
@click.option("--info", multiple=True, metavar="LABEL=VALUE", help="A line of bag-info.txt, such as Contact-Name=Ada.")
@options.json_option
@options.quiet_option
def export(archive, out_name, bagit, copy, info, as_json, quiet) -> None:
    """Make a bag of an archive: a new folder OUT with its files and a list of their hashes.

    Every hash is compared with the journal's. sha256sum -c manifest-sha256.txt checks a bag without nac, and OUT/data
    is an archive, which nac archive restore takes. Files are hard links to those of DST where the system has them.

    \b
    nac archive export small/ bag/ --bagit --info 'Source-Organization=City Archive'
    """
    from nac_cli.archive.operations import export_archive

    lines = dict(line.partition("=")[::2] for line in info)
    if any("=" not in line for line in info):
        raise click.UsageError("--info takes LABEL=VALUE.")
    out = Output(as_json, quiet)
    with out.progress("exporting") as progress:
        bag = export_archive(archive, out_name, copy=copy, info=lines, progress=progress)
    tell_first(
        [f"{path}: is {name} in the bag, since tools read such names in different ways" for path, name in bag.renamed],
        out.warn, lambda left: f"{left} more files have other names in the bag",
    )  # fmt: skip
    if bag.renamed:
        out.say("nac archive restore gives back the names of the library")
    out.say(f"{out_name}: {counted(bag.files, 'file')}, {size(bag.bytes)}, {bag.linked} of them links")
    out.record({
        "bag": str(out_name), "files": bag.files, "bytes": bag.bytes, "linked": bag.linked,
        "renamed": [{"archived": path, "bag": name} for path, name in bag.renamed], "exit_code": 0,
    })  # fmt: skip
