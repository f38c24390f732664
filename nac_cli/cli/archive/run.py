"""`nac archive run`: makes an archive, or brings it up to date."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from nac_cli.archive.journal import Crashed, Failed, Outcome
from nac_cli.archive.workers.pool import Progressed, Refused
from nac_cli.cli import options
from nac_cli.cli.archive import options as archive_options
from nac_cli.cli.archive.lists import tell_first, warn_unreadable
from nac_cli.cli.output import Output, with_name
from nac_cli.cli.text import clock, counted, size
from nac_cli.cli.units import Bitrate
from nac_cli.errors import EXIT_CODES, BatchFailed
from nac_cli.failures import Failure

if TYPE_CHECKING:
    from nac_cli.archive.library import Survey, Tally
    from nac_cli.archive.operations import LibraryRun
    from nac_cli.archive.plan import Job

REASONS = {
    "new": "new",
    "changed": "changed",
    "settings": "made with other settings",
    "lost": "gone from the archive",
    "altered": "altered in the archive",
    "failed": "failed before",
    "crashed": "ended a process before",
}


@click.command("run", short_help="Make or update an archive.")
@click.argument("source", metavar="SRC")
@click.argument("target", metavar="DST")
@click.option(
    "-b", "--bitrate", type=Bitrate(),
    help=f"Bitrate of each file, tags aside, {options.bitrate_help}; a sound of a second or so takes somewhat more.  "
    "[default: as nac compress]",
)  # fmt: skip
@options.planes_option("Constant depth instead of a bitrate.")
@click.option(
    "--model",
    default=options.DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    help="Name, id or weight file of a model.",
)
@options.entropy_option
@options.tags_option
@click.option(
    "--copy-others", is_flag=True, help="Copy files that are no sound (covers, cue sheets, logs) as they are."
)
@archive_options.patterns_options
@click.option(
    "--files-from", type=click.File("rb"), metavar="LIST",
    help="Only these files: paths inside SRC, a line each, or each ended by a zero byte; - for stdin.",
)  # fmt: skip
@click.option("--follow-links", is_flag=True, help="Follow symbolic links; they are skipped otherwise.")
@click.option(
    "--dry-run", is_flag=True, help="Say what would be done, and about how large it would get; write nothing."
)
@click.option("--hash", "hashed", is_flag=True, help="Note the SHA-256 of each source file in the journal.")
@click.option("--verify", "check", is_flag=True, help="Decode each result before it takes its place.")
@click.option("--retry-quarantined", is_flag=True, help="Try files again over which processes have ended twice.")
@archive_options.workers_options
@click.option("-f", "--force", is_flag=True, help="Replace files in DST that are not the archive's own.")
@options.json_option
@options.quiet_option
def run(source, target, no_tags, files_from, dry_run, workers, as_json, quiet, **asked) -> None:
    """Compress every sound file below SRC to a .nac file at the same place below DST.

    Names, tags, pictures and times of change are kept. A journal in DST (.nac/journal.jsonl) says what became of
    each file. Run the same command again after an interruption, however hard, or when files have come or changed:
    what is done and unchanged is skipped, the rest is done, failures are tried again. Files that have gone from SRC
    stay in DST.

    \b
    nac archive music/ small/ -b 6kbps --dry-run
    nac archive music/ small/ -b 6kbps --copy-others
    nac archive s3://recordings/2026 s3://small/2026 -b 3k --engine ray --address auto
    """
    from nac_cli.archive.operations import ArchiveOptions, open_run, plan_run
    from nac_cli.cli.archive.progress import Board, Progress

    options.target(asked["bitrate"], asked["planes"])
    out = Output(as_json, quiet)
    wanted = ArchiveOptions(tags=not no_tags, paths=files_from and _paths(files_from.read()), **asked)
    if dry_run:
        plan = plan_run(source, target, wanted)
        _announce(plan.survey, out)
        _estimate(plan, out)
        return
    with open_run(source, target, wanted) as run:
        found = run.survey
        _announce(found, out)
        progress = Progress(len(found.plan.jobs), found.plan.bytes)
        with Board(progress, out) as board:

            def watch(job: Job, event: Outcome | Progressed) -> None:
                board.watch(job, event)
                _tell(event, out)

            tally = run.perform(workers, watch)
            elapsed = progress.elapsed if found.plan.jobs else 0.0
    _conclude(found, tally, elapsed, out)


def _paths(listed: bytes) -> tuple[str, ...]:
    """The paths of a list: each ended by a zero byte if there is any, else a line each."""
    parts = listed.split(b"\0") if b"\0" in listed else listed.splitlines()
    return tuple(os.fsdecode(part).removeprefix("./") for part in parts if part)


def _announce(found: Survey, out: Output) -> None:
    """Say on stderr what was found, before any work begins."""
    plan = found.plan
    reasons = Counter(job.reason for job in plan.jobs)
    why = ", ".join(f"{count} {REASONS[reason]}" for reason, count in reasons.most_common())
    todo = f"{size(plan.bytes)}; {why}" if why else size(plan.bytes)
    out.say(f"{counted(len(plan.jobs), 'file')} to do ({todo}), {plan.done} done before")
    _list(out, "the usual name is taken, so it becomes", [f"{path} -> {target}" for path, target in plan.renamed])
    _list(out, "skipped", [f"{path}: {reason}" for path, reason in found.skipped])
    if plan.others:
        out.say(f"{counted(len(plan.others), 'file')} without sound left out (--copy-others takes them along)")
    if found.gone:
        out.say(f"{counted(found.gone, 'file')} of the archive are no longer in the library; they stay")
    warn_unreadable(found.ledger.unreadable, out)


def _list(out: Output, title: str, lines: list[str]) -> None:
    tell_first([f"{title}: {line}" for line in lines], out.say, lambda left: f"{title}: {left} more")


def _tell(event: Outcome | Progressed, out: Output) -> None:
    """Tell a result, in JSON on stdout, and in words on stderr if it is bad."""
    if isinstance(event, Progressed):
        return
    record = {"file": event.path, **asdict(event)}
    del record["path"]
    if isinstance(event, Failed):
        failure = Failure(record.pop("error"), record.pop("exit_code"))
        out.failed(Refused(failure), **record)
    elif isinstance(event, Crashed):
        out.warn(f"{event.path}: a worker ended ({event.reason}) while it had this file")
    else:
        for message in getattr(event, "messages", ()):
            out.warn(with_name(message, event.path))
        out.record({**record, "exit_code": 0})


def _conclude(found: Survey, tally: Tally, elapsed: float, out: Output) -> None:
    """Tell the sums. Raises BatchFailed if any file failed."""
    bad = len(tally.failed) + len(found.plan.quarantined)
    summary = {
        "done": tally.done,
        "copied": tally.copied,
        "done_before": found.plan.done,
        "failed": len(tally.failed),
        "quarantined": len(found.plan.quarantined),
        "source_bytes": tally.source_bytes,
        "bytes": tally.bytes,
        "seconds": round(tally.seconds, 3),
        "elapsed": round(elapsed, 3),
        "crashes": tally.crashes,
    }
    for file in found.plan.quarantined:
        out.warn(f"{file.path}: in quarantine, since workers ended over it twice (--retry-quarantined tries again)")
    rows = [
        ("compressed", f"{counted(tally.done, 'file')}, {clock(tally.seconds)} of sound"),
        ("size", f"{size(tally.source_bytes)} -> {size(tally.bytes)}"),
        ("time", f"{clock(elapsed)}, {tally.seconds / max(elapsed, 1e-3):.1f}x real time"),
        ("done before", str(found.plan.done)),
    ]  # fmt: skip
    if tally.copied:
        rows.insert(1, ("copied", counted(tally.copied, "file")))
    failures = Counter(failed.exit_code for failed in tally.failed)
    rows += [(f"failed ({EXIT_CODES.get(code, code)})", str(count)) for code, count in failures.most_common()]
    if found.plan.quarantined:
        rows.append(("in quarantine", str(len(found.plan.quarantined))))
    for name, value in rows:
        out.say(f"{name:<28} {value}")
    if bad:
        out.record(summary)
        raise BatchFailed(f"{bad} of {counted(tally.done + tally.copied + bad, 'file')} failed; run again to retry")
    out.record({**summary, "exit_code": 0})


def _estimate(run: LibraryRun, out: Output) -> None:
    """Say about how large the outputs of a run would get."""
    found = run.survey
    with out.progress("reading headers") as progress:
        guess = run.estimate(lambda done: progress(done, len(found.plan.jobs)))
    for path, failure in guess.unreadable:
        out.warn(f"{path}: {failure.message}")
    out.say(
        f"about {clock(guess.seconds)} of sound, {size(found.plan.bytes)} -> {size(guess.bytes)}; nothing was written"
    )
    out.record({
        "exit_code": 0, "files": len(found.plan.jobs), "done_before": found.plan.done, "source_bytes": found.plan.bytes,
        "seconds": round(guess.seconds, 3), "bytes": guess.bytes, "unreadable": [path for path, _ in guess.unreadable],
        "jobs": [{"path": job.path, "target": job.target, "reason": job.reason} for job in found.plan.jobs],
        "quarantined": [file.path for file in found.plan.quarantined],
    })  # fmt: skip
