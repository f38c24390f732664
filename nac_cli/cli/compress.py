"""`nac compress`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.targets import Job, plan, refuse_json_on_pipe
from nac_cli.cli.text import clock, kilobits, layout, size
from nac_cli.cli.units import Bitrate

if TYPE_CHECKING:
    from nac_cli import CompressReport


@click.command("compress", short_help="Sound files to .nac files.")
@options.inputs_argument
@options.output_option
@click.option(
    "-b",
    "--bitrate",
    type=Bitrate(),
    help=f"Bitrate of the whole file, tags aside, {options.bitrate_help}.  "
    "[default: 6kbps; beyond stereo, that for each pair or single channel; all planes of models published at one "
    "rate: DAC, SNAC]",
)
@click.option(
    "-q",
    "--planes",
    type=click.IntRange(1, 64),
    metavar="N",
    help="Constant depth instead of a bitrate: N codebooks a frame, 1 to what the model has.",
)
@click.option(
    "--model",
    metavar="MODEL",
    help="Name or id of a model (see nac models), or a weight file.  [default: nac-44k]",
)
@options.entropy_option
@options.device_option
@options.threads_option
@options.force_option
@click.option("--verify", "check", is_flag=True, help="Decode the result before it takes its place.")
@options.tags_option
@options.json_option
@options.quiet_option
def command(
    inputs, output, bitrate, planes, model, entropy, device, threads, force, check, no_tags, as_json, quiet
) -> None:
    """Compress sound files into .nac files.

    IN is anything with sound in it (WAV, FLAC, MP3, M4A, Opus, video ...), or - for standard input.

    \b
    nac compress song.wav -b 6kbps           makes song.nac
    nac compress *.flac -o small/ -b 12k     makes small/*.nac
    arecord -f cd | nac compress - > a.nac
    """
    if bitrate is not None and planes is not None:
        raise click.UsageError("-b and -q exclude each other: give a bitrate or a depth.")
    out = Output(as_json, quiet)
    jobs = plan(inputs, output, ".nac")
    refuse_json_on_pipe(jobs, as_json)

    from nac_cli.models import zoo

    weights = zoo.find(model or zoo.DEFAULT)  # once, before a long batch begins
    if planes is not None and planes > weights.spec.num_codebooks:
        raise click.UsageError(f"{weights.spec.name} has 1 to {weights.spec.num_codebooks} planes, not {planes}.")

    if entropy != "auto":
        from nac_cli.pipelines.models.opening import coders_to_pack

        coders_to_pack(weights, entropy, threads)

    def compress_one(job: Job) -> Outcome:
        job.refuse_existing(force)
        from nac_cli import compress

        with out.progress(job.name) as progress:
            report = compress(
                job.open_source(),
                job.open_target(),
                bitrate=bitrate,
                planes=planes,
                model=weights.path,
                entropy=entropy,
                device=device,
                threads=threads,
                tags=not no_tags,
                force=force,
                check=check,
                progress=progress,
            )
        for message in report.messages:
            out.warn(f"{job.name}: {message}")
        out.say(f"{job.name} -> {job.target_name}: {_summary(report)}")
        return Outcome(_record(report, job))

    run_each(jobs, lambda job: job.name, compress_one, out)


def _summary(report: CompressReport) -> str:
    ratio = f" = 1/{report.source_bytes / report.file_bytes:.0f}" if report.source_bytes else ""
    tags = f" and {size(report.tag_bytes)} of tags" if report.tag_bytes else ""
    speed = report.seconds / max(report.elapsed, 1e-3)
    return (
        f"{clock(report.seconds)} {layout(report.channels)}, {kilobits(report.bitrate)}{tags}, "
        f"{size(report.file_bytes)}{ratio}, {speed:.1f}x real time"
    )


def _record(report: CompressReport, job: Job) -> dict:
    record = report.as_dict()
    del record["source"]
    return record | {"target": job.target_name}
