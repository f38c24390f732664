"""`nac verify`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, run_each
from nac_cli.cli.errors import explain
from nac_cli.cli.output import Output
from nac_cli.cli.targets import PIPE, refuse_repeated_pipe, standard_input
from nac_cli.cli.text import clock
from nac_cli.errors import (
    AudioError,
    CorruptStream,
    LimitExceeded,
    ModelError,
    NacError,
    TokenMismatch,
    UnsupportedStream,
)

if TYPE_CHECKING:
    from nac_cli import VerifyReport

VERDICTS = {
    kind.exit_code: kind.meaning for kind in (UnsupportedStream, CorruptStream, TokenMismatch, LimitExceeded)
} | {
    AudioError.exit_code: "unreadable",
    ModelError.exit_code: f"not checked, {ModelError.meaning}",
}
"""Verdicts on stdout by exit code; stderr has the reasons."""


@click.command("verify", short_help="Whether .nac files are sound.")
@options.files_argument
@click.option(
    "--level",
    type=click.Choice(["structure", "tokens", "full"]),
    default="full",
    show_default=True,
    help="How deep: blocks and checksums (no model needed); the codes too; or a decode to sound.",
)
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def command(files, level, device, threads, as_json, quiet) -> None:
    """Check .nac files, and say on a line for each whether it is sound.

    - is standard input. The exit code tells what is wrong with a single file.

    \b
    nac verify song.nac
    nac verify --level structure archive/*.nac
    """
    refuse_repeated_pipe(files)
    out = Output(as_json, quiet)
    from nac_cli.pipelines.chain.prefetch import Prefetch

    prefetch = Prefetch([None if name == PIPE else Path(name) for name in files], threads)

    def check(index: int, name: str) -> Outcome:
        from nac_cli import verify

        if level != "structure":
            prefetch.advance_to(index)
        try:
            with out.progress(name) as progress:
                source = standard_input() if name == PIPE else name
                report = verify(source, level, device=device, threads=threads, progress=progress)
        except NacError as error:
            out.line(f"{name}: {VERDICTS.get(error.exit_code, 'failed')}")
            raise
        wrong = _what_is_wrong(report)
        length = "" if report.stream.duration is None else f", {clock(report.stream.duration)}"
        out.line(f"{name}: {VERDICTS[explain(wrong).exit_code] if wrong else f'ok ({level}{length})'}")
        return Outcome(_record(report), wrong)

    run_each(list(enumerate(files)), lambda item: item[1], lambda item: check(*item), out)


def _what_is_wrong(report: VerifyReport) -> NacError | None:
    try:
        report.require_sound()
    except NacError as error:
        return error
    return None


def _record(report: VerifyReport) -> dict:
    losses = [{"start": loss.start, "stop": loss.stop, "reason": str(loss.error)} for loss in report.losses]
    return {"level": report.level, "sound": report.sound, "losses": losses, "damage": list(report.damage)}
