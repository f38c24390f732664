"""`nac archive verify` and `nac archive status`: checks of an archive."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from nac_cli.archive.workers.pool import Progressed
from nac_cli.cli import options
from nac_cli.cli.archive import options as archive_options
from nac_cli.cli.archive.lists import LISTED, tell_first, warn_unreadable
from nac_cli.cli.archive.steps import steps
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted, kilobits, size
from nac_cli.errors import EXIT_CODES, BatchFailed
from nac_cli.failures import Failure

if TYPE_CHECKING:
    from nac_cli.archive.inventory import Kept
    from nac_cli.archive.status import Status

archive_argument = click.argument("archive", metavar="DST")


@click.command("verify", short_help="Whether an archive is as its journal says.")
@archive_argument
@click.option(
    "--level", type=click.Choice(["files", "structure", "tokens", "full"]), default="structure", show_default=True,
    help="How deep: sizes and hashes; structure and checksums too; the codes too; or a decode to sound.",
)  # fmt: skip
@click.option("--full", is_flag=True, help="The same as --level full.")
@archive_options.patterns_options
@archive_options.workers_options
@options.json_option
@options.quiet_option
def verify(archive, level, full, patterns, workers, as_json, quiet) -> None:
    """Check every file of an archive against its journal.

    stdout has a line for each bad file, and what is wrong with it. Only tokens and full need the models that the files
    were made with.

    \b
    nac archive verify small/
    nac archive verify small/ --full --json
    """
    from nac_cli.archive.operations import open_check

    out, level = Output(as_json, quiet), "full" if full else level
    check = open_check(archive, level, patterns)
    with steps(f"verifying ({level})", check.entries, out) as counter:

        def watch(entry: Kept, event: float | Failure | Progressed) -> None:
            counter.add(entry, event, isinstance(event, Failure))
            if isinstance(event, Failure):
                text = event.message.removeprefix(f"{entry.target}: ")
                out.line(f"{entry.target}: {text}")
                out.record({"file": entry.target, "exit_code": event.exit_code, "error": text})
            elif not isinstance(event, Progressed):
                out.record({"file": entry.target, "exit_code": 0})

        found = check.perform(workers, watch)
    tell_first(
        [f"{path}: the journal does not know it as finished" for path in found.unknown], out.warn,
        lambda left: f"{left} more files that the journal does not know as finished",
    )  # fmt: skip
    warn_unreadable(found.unreadable, out)
    out.say(
        f"{counted(found.sound, 'file')} sound ({level}, {size(found.bytes)}, {clock(found.seconds)}), "
        f"{len(found.bad)} bad, {len(found.unknown)} unknown"
    )
    summary = {
        "level": level, "sound": found.sound, "bad": len(found.bad), "bytes": found.bytes,
        "seconds": round(found.seconds, 3), "unknown": found.unknown,
    }  # fmt: skip
    if found.bad:
        out.record(summary)
        files = f"{counted(len(check.entries), 'file')} of {check.archive.name}"
        raise BatchFailed(f"{len(found.bad)} of {files} are not as they should be")
    out.record({**summary, "exit_code": 0})


@click.command("status", short_help="What is in an archive, and what failed.")
@archive_argument
@click.option("--failed", "list_failed", is_flag=True, help="Only list the files that failed, by path in the library.")
@click.option("-0", "zero", is_flag=True, help="With --failed: end each with a zero byte, as --files-from takes them.")
@options.json_option
def status(archive, list_failed, zero, as_json) -> None:
    """Say how an archive stands, by its journal and the list of its files.

    \b
    nac archive status small/
    nac archive status small/ --failed -0 | nac archive music/ small/ -b 6kbps --files-from -
    """
    from nac_cli.archive.operations import archive_status

    if zero and not list_failed or list_failed and as_json:
        raise click.UsageError("-0 belongs to --failed, and --failed and --json exclude each other.")
    out = Output(as_json)
    found = archive_status(archive)
    if list_failed:
        _list_failed(found, zero, out)
        return
    out.record({**_record(found), "exit_code": 0})
    out.table(_rows(found))
    for run in found.runs[-LISTED:]:
        wanted = run.settings.get("bitrate")
        rate = f" -b {kilobits(wanted)}" if isinstance(wanted, int) else ""
        out.line(f"run {run.time} on {run.host}: {run.source}, {run.settings.get('model', '?')}{rate}")
    for code, reason, count in found.reasons[:LISTED]:
        out.line(f"failed {count}x ({EXIT_CODES.get(code, code)}): {reason}")
    warn_unreadable(found.unreadable, out)


def _list_failed(found: Status, zero: bool, out: Output) -> None:
    for entry in found.failed:
        if zero:
            click.echo(os.fsencode(entry.path) + b"\0", nl=False)
        else:
            out.line(entry.path)
    sys.stdout.flush()


def _rows(found: Status) -> list[tuple[str, str]]:
    rate = "" if found.bitrate is None else f", {kilobits(found.bitrate)} on average"
    rows = [
        ("compressed", f"{counted(found.done, 'file')}, {clock(found.seconds)} of sound{rate}"),
        ("copied", counted(found.copied, "file")),
        ("size", f"{size(found.source_bytes)} -> {size(found.bytes)}"),
        ("failed", f"{len(found.failed)}" + (f", {len(found.quarantined)} in quarantine" if found.quarantined else "")),
        ("planned, not done", str(len(found.pending))),
        ("gone or cut", str(len(found.missing))),
        ("unknown files", str(len(found.unknown))),
        ("runs", str(len(found.runs))),
    ]  # fmt: skip
    return [(name, value) for name, value in rows if value not in ("0", "0 files")]


def _record(found: Status) -> dict:
    fields = ("time", "source", "host", "nac", "settings")
    runs = [{name: getattr(run, name) for name in fields} for run in found.runs]
    failures = [{"file": f.path, "exit_code": f.exit_code, "error": f.error, "time": f.time} for f in found.failed]
    return {
        "done": found.done, "copied": found.copied, "failed": len(found.failed), "quarantined": list(found.quarantined),
        "pending": list(found.pending), "missing": list(found.missing), "unknown": list(found.unknown),
        "source_bytes": found.source_bytes, "bytes": found.bytes, "seconds": round(found.seconds, 3),
        "bitrate": found.bitrate and round(found.bitrate, 1), "runs": runs, "failures": failures,
    }  # fmt: skip
