"""`nac compress`."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, reported, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.targets import Job, plan, refuse_json_on_pipe
from nac_cli.cli.text import clock, kilobits, layout, size, times_real_time
from nac_cli.cli.units import Bitrate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from nac_cli import CompressReport
    from nac_cli.models.weights import WeightFile

SMALL_FILE = 1 << 20
"""Bytes."""


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
@options.planes_option("Constant depth instead of a bitrate: N codebooks a frame, 1 to what the model has.")
@options.detail_option
@click.option(
    "--model",
    metavar="MODEL",
    help=f"Name or id of a model (see nac models), or a weight file.  [default: {options.DEFAULT_MODEL}]",
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
    inputs, output, bitrate, planes, detail, model, entropy, device, threads, force, check, no_tags, as_json, quiet
) -> None:
    """Compress sound files into .nac files.

    IN is anything with sound in it (WAV, FLAC, MP3, M4A, Opus, video ...), or - for standard input.

    \b
    nac compress song.wav -b 6kbps           makes song.nac
    nac compress *.flac -o small/ -b 12k     makes small/*.nac
    arecord -f cd | nac compress - > a.nac
    """
    target = options.target(bitrate, planes)
    out = Output(as_json, quiet)
    jobs = plan(inputs, output, ".nac")
    refuse_json_on_pipe(jobs, as_json)

    from nac_cli.models import zoo
    from nac_cli.parallel import attempts

    weights = zoo.find(model or zoo.DEFAULT)  # once, before a long batch begins
    options.require_possible(target, weights.spec)
    if entropy != "auto":
        from nac_cli.pipelines.models.opening import coders_to_pack

        coders_to_pack(weights, entropy, threads)

    def compressed(job: Job, progress: Callable[[float, float | None], None]) -> CompressReport:
        job.refuse_existing(force)
        from nac_cli import compress

        return compress(
            job.open_source(),
            job.open_target(),
            bitrate=target.bitrate,
            planes=target.planes,
            detail=detail,
            model=weights.path,
            entropy=entropy,
            device=device,
            threads=threads,
            tags=not no_tags,
            force=force,
            check=check,
            progress=progress,
        )

    small = _small_ones(jobs, weights, device, threads)
    early = attempts(lambda job: compressed(job, lambda done, whole: None), small, 2, "file")
    done_early = frozenset(small)

    def compress_one(job: Job) -> Outcome:
        if job in done_early:
            report = next(early)()
        else:
            with out.progress(job.name) as progress:
                report = compressed(job, progress)
        return reported(job, report, _summary(report), out)

    run_each(jobs, lambda job: job.name, compress_one, out)


def _small_ones(jobs: Sequence[Job], weights: WeightFile, device: str, threads: int | None) -> list[Job]:
    """Those of `jobs` that are done two at a time: one alone leaves the processors idle, and has no need for a bar."""
    from nac_cli.pipelines.models.opening import does_without_torch, processors

    if min(threads or processors(), len(jobs)) < 2 or not does_without_torch(weights, device, threads):
        return []
    return [job for job in jobs if job.source is not None and _is_small(job.source)]


def _is_small(path: Path) -> bool:
    try:
        status = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size <= SMALL_FILE


def _summary(report: CompressReport) -> str:
    ratio = f" = 1/{report.source_bytes / report.file_bytes:.0f}" if report.source_bytes else ""
    tags = f" and {size(report.tag_bytes)} of tags" if report.tag_bytes else ""
    return (
        f"{clock(report.seconds)} {layout(report.channels)}, {kilobits(report.bitrate)}{tags}, "
        f"{size(report.file_bytes)}{ratio}, {times_real_time(report.seconds, report.elapsed)}"
    )
