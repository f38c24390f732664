"""`nac info`."""

from __future__ import annotations

import io
from dataclasses import asdict
from typing import TYPE_CHECKING, BinaryIO

import click

from nac_cli.cli import options
from nac_cli.cli.batch import Outcome, run_each
from nac_cli.cli.output import Output
from nac_cli.cli.targets import PIPE, refuse_repeated_pipe, standard_input
from nac_cli.cli.text import clock, counted, kilobits, kilohertz, layout, size
from nac_cli.errors import CorruptStream
from nac_cli.speakers import said_of

if TYPE_CHECKING:
    from nac_cli import FileInfo
    from nac_cli.pipelines.split import Split

LONGEST_TAG = 200


@click.command("info", short_help="What .nac files hold.")
@options.files_argument
@click.option("--bits", is_flag=True, help="Say what the bits are spent on as well: decodes all codes and all detail.")
@options.json_option
@options.quiet_option
def command(files, bits, as_json, quiet) -> None:
    """Say what .nac files hold, without decoding them.

    The exit code is 6 if a file's structure is damaged. - is standard input.

    \b
    nac info song.nac
    nac info --bits song.nac              planes, coefficients, gains in bit/s
    nac info --json *.nac | jq .bitrate
    """
    refuse_repeated_pipe(files)
    out = Output(as_json, quiet)

    def describe(name: str) -> Outcome:
        from nac_cli import info

        source: str | BinaryIO = name
        if name == PIPE:
            source = io.BytesIO(standard_input().read()) if bits else standard_input()  # which is looked at twice
        found = info(source)
        record = found.as_dict()
        del record["file"]
        rows = _rows(found)
        if bits and not found.damage:
            from nac_cli.pipelines.split import split_of

            split = split_of(source)
            record["bits"] = asdict(split)
            rows += _rows_of_bits(split)
        if name != files[0]:
            out.line("")
        out.table(rows, title=name)
        damage = CorruptStream(f"{name} is damaged: {'; '.join(found.damage)}") if found.damage else None
        return Outcome(record, damage)

    run_each(files, lambda name: name, describe, out)


def _rows_of_bits(split: Split) -> list[tuple[str, str]]:
    planes = [round(rate) for rate in split.planes]
    while planes and not planes[-1]:
        planes.pop()
    around = f"container {split.container:.0f}, gains, angles and depths {split.side:.0f}, coder {split.coder:.0f}"
    rows = [("bit/s of planes", ", ".join(map(str, planes))), ("bit/s around", around)]
    if split.coefficients or split.gains or split.blocks:
        detail = f"coefficients {split.coefficients:.0f}, band gains {split.gains:.0f}, blocks {split.blocks:.0f}"
        rows.append(("bit/s of detail", detail))
    return rows


def _rows(found: FileInfo) -> list[tuple[str, str]]:
    stream, codec = found.stream, found.stream.codec
    length = "unknown" if stream.duration is None else f"{clock(stream.duration)} ({stream.num_samples} samples)"
    source = f", {stream.source_bits} bits" if stream.source_bits else ""
    speakers = "" if stream.speakers is None else f" ({said_of(stream.speakers, stream.channels)})"
    missing = ", NOT INSTALLED" if not found.installed else "" if found.model_fits else ", NOT AS THIS FILE SAYS"
    modes = ", ".join(f"{count} {mode}" for mode, count in found.modes.items())
    bits = ", ".join(f"{mode} {mean:.2f}" for mode, mean in found.code_bits.items())
    rows = [
        ("Duration", length),
        ("Sound", f"{layout(stream.channels)}{speakers}, {kilohertz(stream.sample_rate)}{source}"),
        ("Size", size(found.file_bytes)),
        ("Bitrate", "unknown" if found.bitrate is None else kilobits(found.bitrate)),
        ("Model", f"{codec.name} ({codec.family}, id {codec.model_id.hex()}){missing}"),
        (
            "Planes",
            f"{', '.join(f'{depth:g}' for depth in found.depths)} of {codec.num_codebooks} on average",
        ),
        ("Chunks", f"{found.chunks} ({modes})" if modes else "0"),
        ("Bits a code", bits or "no codes"),
        ("Codes a plane", ", ".join(map(str, found.plane_codes))),
        ("Bytes", ", ".join(f"{kind} {count}" for kind, count in found.bytes_by_kind.items())),
        ("Format", ".".join(map(str, found.version))),
    ]
    if stream.lm_id:
        missing = "" if found.lm_installed else ", NOT INSTALLED"
        rows.append(("Language model", f"id {stream.lm_id.hex()}{missing}"))
    rows += [
        (key, value if len(value) <= LONGEST_TAG else f"{value[:LONGEST_TAG]}…") for key, value in found.tags.items
    ]
    rows += [("Picture", f"type {p.type}, {p.mime}, {size(len(p.data))}") for p in found.tags.pictures]
    if found.damage:
        rows.append(("Damage", counted(len(found.damage), "place")))
    return rows
