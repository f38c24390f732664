"""`nac recode`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, reported, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.targets import Job, plan, refuse_json_on_pipe
from nac_cli.cli.text import counted, kilobits, size
from nac_cli.cli.units import Bitrate

if TYPE_CHECKING:
    from nac_cli import RecodeReport


@click.command("recode", short_help=".nac files in another mode, or with fewer planes.")
@options.inputs_argument
@options.output_option
@options.entropy_option
@click.option(
    "-b",
    "--bitrate",
    type=Bitrate(),
    help=f"Keep the planes that fit this bitrate of the whole file, tags aside, {options.bitrate_help}.  "
    "[default: keep all]",
)
@options.planes_option("Keep at most the first N planes.")
@options.device_option
@options.threads_option
@options.force_option
@click.option("--verify", "check", is_flag=True, help="Decode the result before it takes its place.")
@options.json_option
@options.quiet_option
def command(inputs, output, entropy, bitrate, planes, device, threads, force, check, as_json, quiet) -> None:
    """Pack the codes of .nac files in another way, or keep fewer planes, without touching the sound.

    Codes that stay are the same, as are tags, pictures and lengths. Damaged files are refused. IN is a .nac
    file, which is never replaced, or - for standard input.

    \b
    nac recode song.nac -o small/ --entropy lm       makes small/song.nac
    nac recode song.nac -o preview.nac -b 3kbps
    nac recode *.nac -o plain/ --entropy packed      for decoders without the model's tables
    """
    target = options.target(bitrate, planes)
    out = Output(as_json, quiet)
    jobs = plan(inputs, output, ".nac")
    refuse_json_on_pipe(jobs, as_json)

    def recode_one(job: Job) -> Outcome:
        job.refuse_existing(force)
        from nac_cli import recode

        with out.progress(job.name) as progress:
            report = recode(
                job.open_source(),
                job.open_target(),
                entropy=entropy,
                bitrate=target.bitrate,
                planes=target.planes,
                device=device,
                threads=threads,
                force=force,
                check=check,
                progress=progress,
            )
        return reported(job, report, _summary(report), out)

    run_each(jobs, lambda job: job.name, recode_one, out)


def _summary(report: RecodeReport) -> str:
    modes = ", ".join(f"{counted(count, 'chunk')} {mode}" for mode, count in report.modes.items())
    return (
        f"{size(report.source_bytes)} to {size(report.file_bytes)}, {kilobits(report.bitrate)}, {modes or 'no chunks'}"
    )
