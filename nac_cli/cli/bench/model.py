"""`nac bench speed` and `codes`: what a model costs, and how it uses its codebooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.bench.options import PATHS, Counts
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted, size
from nac_cli.cli.units import Bitrate

if TYPE_CHECKING:
    from nac_cli.bench.lengths import Run
    from nac_cli.bench.stages import Pass


@click.command("speed", short_help="How fast nac is, stage by stage.")
@click.argument("sound", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--model", default=options.DEFAULT_MODEL, show_default=True, metavar="NAME")
@click.option(
    "-b",
    "--bitrate",
    type=Bitrate(),
    default="6kbps",
    show_default=True,
    help=f"{options.bitrate_help}, of a channel pair or single channel.",
)
@click.option(
    "--lengths",
    type=Counts(),
    default="3,30,240",
    show_default=True,
    help="Seconds of the sounds that whole commands are run on, cut from SOUND again and again: 3600 is an hour.",
)
@click.option(
    "--files",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    metavar="N",
    help="Sounds of a second that one command is run on.",
)
@click.option(
    "--batches",
    type=Counts(),
    default="1,4",
    show_default=True,
    help="Sounds that the network takes at once.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    metavar="N",
    help="The least time of so many counts.",
)
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def speed(sound, model, bitrate, lengths, files, batches, repeats, device, threads, as_json, quiet) -> None:
    """Measure compressing and decompressing SOUND (half a minute of noise if none is given).

    Whole commands: PROCESS are the seconds of a process that starts, INSIDE those of one that has done it before,
    PROCESSOR those that processors spent; x is seconds of sound in a second of PROCESS. Stages: each done before the
    next begins; in brackets what a stage could take at least here, by its operations and the rate of large products of
    float32 matrices, or by its bytes and the disk. Other codecs work in memory, in this process.

    \b
    nac bench speed
    nac bench speed song.flac --lengths 3,3600 --files 0
    nac bench speed song.flac --device cuda --batches 1,8,64 --json
    """
    from dataclasses import asdict

    from nac_cli.bench.speed import measure, sound_of

    out = Output(as_json, quiet)
    waveform = sound_of(sound)
    found = measure(waveform, model, bitrate, device, threads, lengths, files, batches, repeats, progress=out.say)
    out.record({**asdict(found), "exit_code": 0})
    peak, disk = found.machine.operations, found.machine.disk
    out.line(
        f"{found.model} on {found.device}, {counted(found.threads, 'thread')}: {peak / 1e9:.1f} G operations/s in "
        f"float32, {disk / 1e6:.0f} MB/s to the disk"
    )
    out.table(
        [_run_line(one) for one in found.runs],
        ("WHOLE COMMANDS", "", "ENTROPY", "PROCESS", "INSIDE", "PROCESSOR", "x", "PEAK MEMORY"),
    )
    out.table(
        [_pass_line(one) for one in found.passes],
        ("STAGES", "", "ENTROPY", "SECONDS", "x", ""),
    )
    lines = [
        (
            f"batch of {batch.size}",
            batch.direction,
            f"{batch.speed:.1f}",
            f"{batch.operations / 1e9:.2f}",
            f"{batch.use:.0%}",
        )
        for batch in found.batches
    ]
    out.table(lines, ("THE NETWORK ALONE", "", "x", "G OPERATIONS PER S OF SOUND", "OF THE PEAK"))
    out.table(
        [(one.codec, one.direction, f"{one.inside:.2f}", f"{one.speed:.1f}") for one in found.rivals],
        ("OTHER CODECS", "", "INSIDE", "x"),
    )


@click.command("codes", short_help="How well a model uses its codebooks.")
@click.argument("paths", nargs=-1, required=True, metavar="PATHS...", type=PATHS)
@click.option("--model", default=options.DEFAULT_MODEL, show_default=True, metavar="NAME")
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def codes(paths, model, device, threads, as_json, quiet) -> None:
    """Count the codes that a model gives for PATHS at full depth, plane by plane.

    Used: share of the codebook that occurs. Entropy: bits of a code by frequency; normalised: by that of
    equally frequent codes. Tables, LM: bits of a code as nac would pack it. Before, below: bits that the code
    before it and that of the plane below tell of a code. Efficiency: the entropies' share of all bits (Kumar
    et al. 2023, section 4.4). With few sounds, usage and entropy come out low.

    \b
    nac bench codes clips/ --model nac-44k
    """
    from dataclasses import asdict

    from nac_cli.bench.clips import clips_in
    from nac_cli.bench.codes import bitrate_efficiency, codes_of, use
    from nac_cli.bench.tables import figure

    out = Output(as_json, quiet)
    with out.progress("codes") as bar:
        coded = codes_of(clips_in(paths), model, device, threads, bar)
        spec, planes = coded.spec, use(coded, model)
    packed, huffman = (sum(getattr(plane, name) for plane in planes) for name in ("packed_rate", "huffman_rate"))
    efficiency = bitrate_efficiency(planes)
    out.record(
        {
            "model": spec.name,
            "family": spec.family,
            "packed_bitrate": packed,
            "huffman_bitrate": huffman,
            "bitrate_efficiency": efficiency,
            "planes": [asdict(plane) for plane in planes],
            "exit_code": 0,
        }
    )
    header = (
        "PLANE",
        "SIZE",
        "CODES",
        "USED",
        "ENTROPY",
        "NORMALISED",
        "HUFFMAN",
        "TABLES",
        "LM",
        "BEFORE",
        "BELOW",
    )
    out.table(
        [
            (
                str(plane.plane + 1),
                str(plane.size),
                str(plane.count),
                f"{plane.used:.0%}",
                figure(plane.entropy),
                figure(plane.normalised),
                figure(plane.huffman),
                figure(plane.table),
                figure(plane.language_model),
                figure(plane.before),
                figure(plane.below),
            )
            for plane in planes
        ],
        header,
    )
    out.line(
        f"{spec.name}: {packed:.0f} bit/s of a channel as packed bits, {huffman:.0f} in Huffman codes; bitrate "
        f"efficiency {efficiency:.1%}"
    )


def _run_line(one: Run) -> tuple[str, ...]:
    return (
        f"{one.sound_seconds:g} s" if one.files == 1 else f"{one.files} of {one.sound_seconds:g} s",
        one.direction,
        one.entropy,
        f"{one.process:.2f}",
        f"{one.inside:.2f}",
        "–" if one.processor is None else f"{one.processor:.2f}",
        f"{one.speed:.1f}",
        size(one.peak_bytes) if one.peak_bytes else "–",
    )


def _pass_line(one: Pass) -> tuple[str, ...]:
    stages = ", ".join(
        f"{name} {seconds:.3f}" + (f" ({one.floors[name]:.3f})" if name in one.floors else "")
        for name, seconds in one.seconds.items()
    )
    return f"{one.sound_seconds:.1f} s", one.direction, one.entropy, f"{one.total:.2f}", f"{one.speed:.1f}", stages
