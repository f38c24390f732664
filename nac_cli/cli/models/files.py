"""`nac models import`, `export`, `remove`, `count` and `official`: the user's own collection of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted, size
from nac_cli.errors import UsageError

if TYPE_CHECKING:
    from nac_cli.models.weights import WeightFile

MAX_CONFIG_BYTES = 1 << 20


@click.command("import", short_help="Make an official checkpoint a model of nac's.")
@click.argument("checkpoint", metavar="CHECKPOINT")
@click.option("--family", metavar="F", help="encodec, dac, snac or taae.  [default: by the checkpoint's layout]")
@click.option(
    "--config",
    "config_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="JSON with the network's shape (as `nac models show --json` has it), for EnCodec files of no preset; "
    'for TAAE its planes, such as {"levels": [6]}.',
)
@click.option("--name", metavar="N", help="What to call the model.  [default: the name of its preset]")
@options.force_option
@options.json_option
@options.quiet_option
def import_(checkpoint, family, config_file, name, force, as_json, quiet) -> None:
    """Convert CHECKPOINT and put it into the user's folder of models (NAC_MODELS).

    CHECKPOINT is a file or a folder as its vendor publishes it (`nac models official` has the addresses),
    hf:REPO for one of the Hugging Face hub (if the package huggingface_hub is installed), or a weight file of
    nac's own.
    No code in a checkpoint is ever run. Weights stay as precise as they are, so that codes stay the same.

    \b
    nac models import weights_44khz.pth
    nac models import snac_24khz/ --name my-snac
    nac models import hf:descript/dac_44khz
    """
    from nac_cli.pipelines.models.collection import import_model

    out = Output(as_json, quiet)
    config = config_file and _read_config(config_file)
    file = import_model(checkpoint, family=family, config=config, name=name, force=force)
    out.say(f"{checkpoint} -> {file.path} ({size(file.path.stat().st_size)})")
    if file.training.get("licence"):
        out.say(f"Licence: {file.training['licence']}")
    _tell(out, file, file=checkpoint)


@click.command("export", short_help="Copy a model to a weight file.")
@click.argument("model", metavar="NAME")
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
@options.force_option
@options.json_option
@options.quiet_option
def export(model, target, force, as_json, quiet) -> None:
    """Copy the installed model NAME, with its language model if it has one, to FILE (*.safetensors).

    \b
    nac models export dac-44k-8kbps for-a-friend.safetensors
    """
    from nac_cli.pipelines.models.collection import export_model

    out = Output(as_json, quiet)
    file = export_model(model, target, force=force)
    out.say(f"{model} -> {file.path} ({size(file.path.stat().st_size)})")
    _tell(out, file, file=model)


@click.command("remove", short_help="Delete a model of the user's.")
@click.argument("model", metavar="NAME")
@options.json_option
@options.quiet_option
def remove(model, as_json, quiet) -> None:
    """Delete the model NAME from the user's folder, with its language model and its card.

    Files that were made with it cannot be decoded any more. Models that come with nac stay.

    \b
    nac models remove dac-44k-8kbps
    """
    from nac_cli.pipelines.models.collection import remove_model

    out = Output(as_json, quiet)
    gone = [str(path) for path in remove_model(model)]
    for path in gone:
        out.say(f"deleted {path}")
    out.record({"file": model, "deleted": gone, "exit_code": 0})


@click.command("count", short_help="Give a model the tables of the mode static.")
@click.argument("model", metavar="NAME")
@click.argument(
    "sources", nargs=-1, required=True, metavar="FILE|FOLDER...", type=click.Path(exists=True, path_type=Path)
)
@click.option("--name", metavar="N", help="What to call the new model.  [default: NAME-static]")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=60.0,
    show_default=True,
    metavar="S",
    help="Taken of each recording.",
)
@options.device_option
@options.threads_option
@options.force_option
@options.json_option
@options.quiet_option
def count(model, sources, name, seconds, device, threads, force, as_json, quiet) -> None:
    """Count how often the model NAME takes each code in recordings, and save it with tables as a new model.

    With tables, `nac compress` packs codes by how likely they are (--entropy static), which makes files
    smaller. The new model has another id: a file needs the very model that it was made with, so keep the old
    one for old files.

    \b
    nac models count dac-44k-8kbps corpus/        makes dac-44k-8kbps-static
    """
    from nac_cli.pipelines.count import count as count_codes
    from nac_cli.train.corpus.recordings import find_recordings

    out = Output(as_json, quiet)
    recordings: list[Path] = []
    for source in sources:
        recordings += find_recordings(source) if source.is_dir() else [source]
    with out.progress(model) as progress:
        counted_codes = count_codes(
            model,
            recordings,
            name=name,
            seconds=seconds,
            device=device,
            threads=threads,
            force=force,
            skip=lambda error: out.warn(f"left out: {error}"),
            progress=progress,
        )
    file = counted_codes.file
    out.say(
        f"{counted(counted_codes.codes, 'code')} in {clock(counted_codes.seconds)} of "
        f"{counted(counted_codes.recordings, 'recording')} -> {file.path}"
    )
    out.say(f"{file.spec.name} is a new model, id {file.spec.model_id.hex()}: it decodes no files of {model}")
    told = {"recordings": counted_codes.recordings, "seconds": round(counted_codes.seconds, 1)}
    _tell(out, file, file=model, codes=counted_codes.codes, **told)


@click.command("official", short_help="Published checkpoints that can be imported.")
@options.json_option
def official(as_json) -> None:
    """List the official checkpoints that nac reads: what they are called, where their vendors offer them, the
    preset that they fit, and their licences. nac downloads none of them by itself.

    \b
    nac models official --json
    """
    from nac_cli.models.importers.official import checkpoints

    out, found = Output(as_json), checkpoints()
    for family, entry in found:
        out.record(
            {
                "name": entry.name,
                "family": family,
                "preset": entry.preset or None,
                "address": entry.address,
                "licence": entry.licence,
                "exit_code": 0,
            }
        )
    rows = [(entry.name, family, entry.preset or "-", entry.address) for family, entry in found]
    out.table(rows, header=("CHECKPOINT", "FAMILY", "PRESET", "ADDRESS"))
    for licence in dict.fromkeys(entry.licence for _, entry in found):
        names = ", ".join(entry.name for _, entry in found if entry.licence == licence)
        out.line(f"\n{names}:\n  {licence}")


def _read_config(path: Path) -> dict:
    """A network's config, as it is or within what `nac models show --json` prints. Raises UsageError."""
    with path.open("rb") as file:
        data = file.read(MAX_CONFIG_BYTES)
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: not a JSON file ({error})") from error
    if isinstance(values, dict) and isinstance(values.get("config"), dict):
        values = values["config"]
    if not isinstance(values, dict):
        raise UsageError(f"{path}: not a JSON object with the network's shape")
    return values


def _tell(out: Output, weights: WeightFile, **more: object) -> None:
    """The model that there is now."""
    spec = weights.spec
    out.record(
        {
            **more,
            "name": spec.name,
            "id": spec.model_id.hex(),
            "family": spec.family,
            "licence": weights.training.get("licence"),
            "path": str(weights.path),
            "exit_code": 0,
        }
    )


COMMANDS = (import_, export, remove, count, official)
