"""`nac decompress`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, reported, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.targets import Job, plan, refuse_json_on_pipe
from nac_cli.cli.text import clock, kilohertz, layout, printable, times_real_time
from nac_cli.cli.units import Timestamp
from nac_cli.errors import NacError, PartlyDecoded, TokenMismatch

if TYPE_CHECKING:
    from nac_cli import DecompressReport

FORMATS = ("wav", "flac", "ogg")


@click.command("decompress", short_help="Sound files back from .nac files.")
@options.inputs_argument
@options.output_option
@click.option("--start", type=Timestamp(), help="Decode from here: 83.5 (seconds), 1:23.5 or 0:01:23.5.  [default: 0]")
@click.option("--end", type=Timestamp(), help="Decode up to here.  [default: the end]")
@click.option("--format", type=click.Choice(FORMATS), help="Output format.  [default: by the name of OUT, else wav]")
@click.option(
    "--bits",
    type=click.Choice(["16", "24", "32"]),
    help="Sample width; 32 is float, for WAV only.  [default: 16, or 24 if the source had more than 16]",
)
@click.option("--strict", is_flag=True, help="Stop at the first damaged place, without output.")
@options.tags_option
@options.device_option
@options.threads_option
@options.force_option
@options.json_option
@options.quiet_option
def command(inputs, output, start, end, format, bits, strict, no_tags, device, threads, force, as_json, quiet) -> None:
    """Decode .nac files into WAV, FLAC or Ogg Vorbis files.

    Damaged places become silence, are named on stderr, and the exit code is 4 (8 if the bytes are intact but
    decode to other codes here).

    \b
    nac decompress song.nac                         makes song.wav
    nac decompress song.nac -o part.flac --start 1:00 --end 1:30
    nac decompress - < song.nac | aplay
    """
    if start is not None and end is not None and end < start:
        raise click.UsageError(f"--end ({end:g} s) lies before --start ({start:g} s).")
    out = Output(as_json, quiet)
    jobs = plan(inputs, output, f".{format or 'wav'}")
    refuse_json_on_pipe(jobs, as_json)
    for job in jobs:
        _refuse_other_suffix(job.target, format)

    from nac_cli.pipelines.chain.prefetch import Prefetch

    prefetch = Prefetch([job.source for job in jobs], threads)

    def decompress_one(index: int, job: Job) -> Outcome:
        job.refuse_existing(force)
        from nac_cli import decompress

        if start is None and end is None:
            prefetch.advance_to(index)
        with out.progress(job.name) as progress:
            report = decompress(
                job.open_source(),
                job.open_target(),
                start=start,
                end=end,
                format=format,
                bits=bits and int(bits),
                tags=not no_tags,
                strict=strict,
                device=device,
                threads=threads,
                force=force,
                progress=progress,
            )
        return reported(job, report, _summary(report), out, _what_is_lost(job, report))

    run_each(list(enumerate(jobs)), lambda item: item[1].name, lambda item: decompress_one(*item), out)


def _summary(report: DecompressReport) -> str:
    shape = f"{clock(report.seconds)} {layout(report.channels)} {kilohertz(report.sample_rate)}"
    return f"{shape}, {times_real_time(report.seconds, report.elapsed)}"


def _what_is_lost(job: Job, report: DecompressReport) -> NacError | None:
    """The error that fits a decoded file with damage."""
    lost = [*map(str, report.losses), *report.damage]
    if not lost:
        return None
    mismatch = all(isinstance(loss.error, TokenMismatch) for loss in report.losses) and not report.damage
    kind = TokenMismatch if mismatch else PartlyDecoded
    return kind(f"{job.name} is damaged, what could be decoded was written: {'; '.join(lost)}")


def _refuse_other_suffix(target: Path | None, format: str | None) -> None:
    """`-o song.flac --format wav` is more likely a slip than a wish."""
    suffix = target.suffix.lower().lstrip(".") if target else ""
    if format and target and suffix in FORMATS and suffix != format:
        raise click.UsageError(
            f"--format {format} and the output's name {printable(target.name)} contradict each other."
        )
