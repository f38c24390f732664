"""`nac models`: lists and describes installed models; `files` has the commands that change the collection."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.models import files as models_files
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted, kilobits, kilohertz, size

if TYPE_CHECKING:
    from pathlib import Path

    from nac_cli.models.weights import WeightFile

COLUMNS = ("NAME", "ID", "FAMILY", "RATE", "PLANES", "KBIT/S A CHANNEL", "PARAMETERS", "LM", "LICENCE")
model_argument = click.argument("model", metavar="NAME")


@click.group("models", invoke_without_command=True, short_help="Which models are installed.")
@options.json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the installed models: those in the package and those in the user's folder (NAC_MODELS).

    NAME is a model's name or id, or the path of a weight file.

    \b
    nac models
    nac models show nac-44k
    nac models import weights_44khz.pth
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(list_, as_json=as_json)


for _command in models_files.COMMANDS:
    command.add_command(_command)


@command.command("list")
@options.json_option
def list_(as_json: bool) -> None:
    """List the installed models, as `nac models` does.

    \b
    nac models list --json
    """
    from nac_cli.models import zoo

    out, found = Output(as_json), zoo.available()
    for file in found:
        out.record(_record(file))
    if found:
        out.table([_row(file) for file in found], header=COLUMNS)
    else:
        out.warn(f"no models are installed; weight files belong into {zoo.models_place()}")


@command.command("path")
@model_argument
def path(model: str) -> None:
    """Print where a model's weight file is."""
    from nac_cli.models import zoo

    click.echo(str(zoo.find(model).path))


@command.command("show")
@model_argument
@options.json_option
def show(model: str, as_json: bool) -> None:
    """Describe a model."""
    from nac_cli.models import zoo

    out, file = Output(as_json), zoo.find(model)
    out.record(_record(file) | {"config": file.config, "training": file.training})
    out.table(_details(file))


def _details(file: WeightFile) -> list[tuple[str, str]]:
    from nac_cli.models import zoo

    spec, card, lm = file.spec, _card(file), zoo.lm_beside(file)
    low, high = _bitrates(file)
    sizes = ", ".join(map(str, sorted(set(spec.codebook_sizes))))
    return [
        ("Name", spec.name),
        ("Id", spec.model_id.hex()),
        ("Family", spec.family),
        ("Sample rate", kilohertz(spec.sample_rate)),
        ("Frames", f"{spec.frame_rate:.2f} a second, {spec.hop_length} samples each"),
        ("Planes", f"{spec.num_codebooks} of {sizes} codes"),
        ("Channels", "2, coded together" if file.config.get("channels") == 2 else "each by itself"),
        ("Bitrate", f"{kilobits(low)} to {kilobits(high)} a channel before entropy coding"),
        ("Parameters", f"{file.num_parameters:,}"),
        ("Language model", f"{lm.path} (id {lm.model_id.hex()}, {size(lm.size)})" if lm else "none"),
        ("Trained for", _training(file)),
        ("Imported from", file.training.get("imported") or "-"),
        ("Licence", _licence(file)),
        ("Card", str(card or "none beside the weight file")),
        ("File", str(file.path)),
    ]


def _training(file: WeightFile) -> str:
    """Steps of the run that made the file and of those that it started from, and the weights that the first one had."""
    runs = [*file.training.get("before", []), file.training]
    first = runs[0].get("weights")
    steps = [run.get("steps") for run in (runs[1:] if first else runs)]
    if None in steps:
        return "not recorded"
    several = f" in {counted(len(steps), 'run')}" if len(steps) > 1 else ""
    return counted(sum(steps), "step") + several + (f", from the weights {first}" if first else "")


def _row(file: WeightFile) -> tuple[str, ...]:
    from nac_cli.models import zoo

    low, high = _bitrates(file)
    lm = zoo.lm_beside(file)
    return (
        file.spec.name,
        file.spec.model_id.hex(),
        file.spec.family,
        kilohertz(file.spec.sample_rate),
        str(file.spec.num_codebooks),
        f"{low / 1000:.2f} to {high / 1000:.2f}",
        f"{file.num_parameters / 1e6:.1f} M",
        f"{lm.model_id.hex()} ({size(lm.size)})" if lm else "-",
        re.split(r"[,;:(]", _licence(file), maxsplit=1)[0].strip(),
    )


def _record(file: WeightFile) -> dict:
    from nac_cli.models import zoo

    low, high = _bitrates(file)
    card, lm = _card(file), zoo.lm_beside(file)
    return {
        "name": file.spec.name,
        "id": file.spec.model_id.hex(),
        "family": file.spec.family,
        "default": file.spec.name == zoo.DEFAULT,
        "sample_rate": file.spec.sample_rate,
        "hop_length": file.spec.hop_length,
        "planes": file.spec.num_codebooks,
        "codebook_sizes": list(file.spec.codebook_sizes),
        "strides": list(file.spec.strides),
        "channel_bitrate_min": round(low, 1),
        "channel_bitrate_max": round(high, 1),
        "parameters": file.num_parameters,
        "licence": file.training.get("licence"),
        "lm": lm and {"id": lm.model_id.hex(), "bytes": lm.size, "path": str(lm.path)},
        "path": str(file.path),
        "card": card and str(card),
        "exit_code": 0,
    }


def _bitrates(file: WeightFile) -> tuple[float, float]:
    """bit/s of one channel with one plane and with all, as packed bits."""
    spec = file.spec
    planes = [
        spec.frame_rate * (size - 1).bit_length() / stride
        for size, stride in zip(spec.codebook_sizes, spec.strides, strict=True)
    ]
    return planes[0], sum(planes)


def _licence(file: WeightFile) -> str:
    return file.training.get("licence") or ("see the card" if _card(file) else "not recorded")


def _card(file: WeightFile) -> Path | None:
    card = file.path.with_suffix(".md")
    return card if card.is_file() else None
