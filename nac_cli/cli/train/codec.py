"""The commands of `nac train` that make a codec."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock
from nac_cli.cli.train.config import changed, preset_named
from nac_cli.cli.train.corpus import FOLDER, NEW_FOLDER
from nac_cli.cli.train.teller import RunTeller
from nac_cli.cli.units import ByteSize, Duration
from nac_cli.models import zoo

if TYPE_CHECKING:
    from nac_cli.train.codec.loop import TrainReport

PRESET = "nac-44k"


def _checked_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not zoo.is_name(value):
        raise click.BadParameter(f"{value!r} is no model name; take {zoo.NAME_RULE}.")
    return value


@click.command("codec", short_help="Train a codec on a corpus or a folder of recordings.")
@click.argument("corpus", type=FOLDER)
@click.option(
    "--out", "run", required=True, metavar="RUN", type=NEW_FOLDER, help="Folder of checkpoint, log and model."
)
@click.option("--preset", metavar="NAME", help=f"Network and schedule (`nac train presets`).  [default: {PRESET}]")
@click.option(
    "--config",
    "changes",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON with the preset's values to change, as `nac train presets NAME` prints them.",
)
@click.option(
    "--from",
    "source",
    metavar="RUN|FILE",
    type=click.Path(exists=True, path_type=Path),
    help="Start from the averaged weights of another run, or from a weight file.",
)
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Updates in all.  [default: the preset's]")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Excerpts an update and process.  [default: the preset's]",
)
@click.option("--time-limit", type=Duration(), help="Stop after this long, such as 9m or 1h30m.  [default: none]")
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoint in RUN, with its preset; --steps may move the end.",
)
@click.option(
    "--cooldown",
    type=click.IntRange(min=1),
    metavar="N",
    help="With --resume: let the rates fall over N more steps, and end.",
)
@click.option(
    "--keep-every",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Keep a checkpoint every N steps, in RUN/step-N.  [default: none]",
)
@click.option(
    "--validation",
    metavar="DIR",
    type=FOLDER,
    help="Measure on these recordings, coded at 6 kbit/s, as the training goes on.",
)
@click.option(
    "--validate-every", type=click.IntRange(min=1), default=1000, show_default=True, metavar="N", help="Steps."
)
@click.option("--tensorboard", is_flag=True, help="Write losses, validation sounds and pictures to RUN/board.")
@click.option("--part-size", type=ByteSize(), metavar="SIZE", help="Split checkpoints into files of at most this size.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Processes that read ahead; 0 reads in a thread, which is enough for a CPU.",
)
@click.option("--compile", "compiled", is_flag=True, help="Compile the networks; slow to start, fast on a GPU.")
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def codec(
    corpus, run, preset, changes, source, steps, batch_size, time_limit, resume, cooldown, keep_every, validation,
    validate_every, tensorboard, part_size, workers, compiled, device, threads, as_json, quiet,
) -> None:  # fmt: skip
    """Train a codec on CORPUS: a folder made by `nac train prepare`, or any folder of recordings.

    When all steps are made, the model is written to RUN as well. Ctrl-C saves a checkpoint first. `torchrun -m nac_cli
    train codec ...` trains on several GPUs.

    \b
    nac train codec recordings/ --out run/ --preset nac-44k-tiny
    nac train codec recordings/ --out run/ --preset dac-tiny
    nac train codec corpus/ --out run/ --preset nac-44k --time-limit 8h
    nac train codec corpus/ --out finish/ --preset nac-44k-finish --from run/
    nac train codec corpus/ --out run/ --resume --cooldown 3000
    """
    if resume and (preset or batch_size or changes or source):
        raise click.UsageError(
            "a run that is resumed keeps its config; leave out --preset, --config, --from and --batch-size."
        )
    if cooldown and not resume:
        raise click.UsageError("--cooldown ends a run that is there; add --resume.")
    if cooldown and steps:
        raise click.UsageError("--cooldown says how many steps are left; leave out --steps.")
    from nac_cli.train.codec import run as training
    from nac_cli.train.codec.presets import PRESETS

    out = Output(as_json, quiet)
    config = None if resume else changed(preset_named(preset or PRESET, PRESETS), changes, steps, batch_size)
    trained = training.train(
        corpus, run, config, start_from=source, steps=steps, cooldown=cooldown, time_limit=time_limit,
        validation=validation, validate_every=validate_every, tensorboard=tensorboard, part_size=part_size,
        keep_every=keep_every, workers=workers, compiled=compiled, device=device, threads=threads,
        listener=_Teller(out, run),
    )  # fmt: skip
    if trained is None:  # another process tells
        return
    if trained.model is not None:
        path = trained.model.path
        out.say(f"{path}: id {trained.model.spec.model_id.hex()}; try: nac compress SONG.wav --model {path}")
    model = None if trained.model is None else str(trained.model.path)
    out.record({"run": str(run), **asdict(trained.report), "model": model, "exit_code": 0})


class _Teller(RunTeller):
    def trained(self, report: TrainReport) -> None:
        speed = report.audio_seconds / max(report.seconds, 1e-9)
        losses = ", ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
        self.tell(report, f" on {clock(report.audio_seconds)} of sound, {speed:.1f} s of sound a second", losses)


@click.command("checkpoint", short_help="Copy a checkpoint, lighter or in parts.")
@click.argument("run", type=FOLDER)
@click.argument("target", metavar="OUT", type=NEW_FOLDER)
@click.option("--light", is_flag=True, help="Averaged weights and discriminators only: enough for --from.")
@click.option("--part-size", type=ByteSize(), metavar="SIZE", help="Split it into files of at most this size.")
@options.force_option
def checkpoint_command(run, target, light, part_size, force) -> None:
    """Copy the checkpoint of RUN into the folder OUT: lighter, or in parts for a way that limits the size of files.

    \b
    nac train checkpoint run/ parts/ --light --part-size 16MB
    nac train codec corpus/ --out next/ --from parts/
    """
    from nac_cli.train import checkpoint
    from nac_cli.train.codec.trainer import CHECKPOINT, LIGHT

    if not force:
        checkpoint.refuse(target / CHECKPOINT)
    state = checkpoint.load(run / CHECKPOINT)
    target.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in state.items() if name in LIGHT or not light}
    checkpoint.save(target / CHECKPOINT, kept, part_size)


@click.command("export", short_help="Write a run's model to a weight file.")
@click.argument("run", type=FOLDER)
@click.argument("target", metavar="OUT.safetensors", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--corpus",
    required=True,
    metavar="CORPUS",
    type=FOLDER,
    help="Prepared corpus on which the entropy coder's tables are counted.",
)
@click.option(
    "--name",
    callback=_checked_name,
    help="What the model is called, up to 32 characters.  [default: the preset's]",
)
@options.device_option
@options.threads_option
@options.force_option
@options.json_option
@options.quiet_option
def export(run, target, corpus, name, device, threads, force, as_json, quiet) -> None:
    """Write the model of a RUN to a weight file.

    \b
    nac train export run/ mine.safetensors --corpus corpus/ --name mine
    nac compress song.wav --model mine.safetensors
    """
    if target.suffix != ".safetensors":
        raise click.UsageError(f"{target}: a weight file's name ends in .safetensors.")
    from nac_cli.files import check_output

    check_output(target, force)
    from nac_cli.pipelines.models.opening import device_for_torch
    from nac_cli.train.codec.export import export as write_weights

    file = write_weights(run, target, corpus, device_for_torch(device, threads), name)
    out = Output(as_json, quiet)
    out.say(f"{target}: {file.spec.name}, id {file.spec.model_id.hex()}, {file.num_parameters:,} parameters")
    out.record(
        {
            "target": str(target),
            "name": file.spec.name,
            "id": file.spec.model_id.hex(),
            "parameters": file.num_parameters,
            "exit_code": 0,
        }
    )
