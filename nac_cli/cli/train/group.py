"""`nac train`: a corpus, a codec, a weight file."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.interrupt import held
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted
from nac_cli.cli.train import build as train_build
from nac_cli.cli.train import corpus as train_corpus
from nac_cli.cli.train import lm as train_lm
from nac_cli.cli.train.config import changed, preset_named, refuse_checkpoint
from nac_cli.cli.train.corpus import FOLDER, NEW_FOLDER
from nac_cli.cli.train.progress import training_progress
from nac_cli.cli.units import ByteSize, Duration

if TYPE_CHECKING:
    from nac_cli.train.codec.loop import Trainer, TrainReport

PRESET = "nac-44k"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
BOARD_EVERY = 20


def _checked_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not NAME.fullmatch(value):
        raise click.BadParameter(f"{value!r} is no model name; use 1 to 32 letters, digits, '.', '_' and '-'.")
    return value


@click.group("train", short_help="Train a model of your own.")
def command() -> None:
    """Train a codec: prepare a corpus, train on it, export a weight file; then a language model for its codes.

    \b
    nac train prepare music/ speech/ corpus/
    nac train codec corpus/ --out run/ --steps 100000
    nac train export run/ mine.safetensors --corpus corpus/
    nac train lm corpus/ --out lm/ --model mine.safetensors
    """


for other in (
    train_corpus.prepare, train_build.corpus, train_corpus.scan, train_corpus.pack, train_lm.tokens, train_lm.lm,
    train_lm.export_lm,
):  # fmt: skip
    command.add_command(other)


@command.command("codec", short_help="Train a codec on a corpus or a folder of recordings.")
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
@click.option("--from", "source", metavar="RUN", type=FOLDER, help="Start from the averaged weights of another run.")
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
    corpus, run, preset, changes, source, steps, batch_size, time_limit, resume, validation, validate_every,
    tensorboard, part_size, workers, compiled, device, threads, as_json, quiet,
) -> None:  # fmt: skip
    """Train a codec on CORPUS: a folder made by `nac train prepare`, or any folder of recordings.

    When all steps are made, the model is written to RUN as well. Ctrl-C saves a checkpoint first. `torchrun -m nac_cli
    train codec ...` trains on several GPUs.

    \b
    nac train codec recordings/ --out run/ --preset nac-44k-tiny
    nac train codec recordings/ --out run/ --preset dac-tiny
    nac train codec corpus/ --out run/ --preset nac-44k --time-limit 8h
    nac train codec corpus/ --out finish/ --preset nac-44k-finish --from run/
    """
    if resume and (preset or batch_size or changes or source):
        raise click.UsageError(
            "a run that is resumed keeps its config; leave out --preset, --config, --from and --batch-size."
        )
    from nac_cli.train.codec import loop

    out = Output(as_json, quiet)
    device = options.chosen_device(device, threads)
    trainer = _trainer(run, preset or PRESET, changes, source, steps, batch_size, resume, compiled, device)
    corpus = _prepared(corpus, run, trainer, out)
    watch = _Watch(trainer, validation, run / "board" if tensorboard else None)
    with held() as stopped, training_progress(trainer.config.steps, quiet or trainer.processes.rank > 0) as show:

        def progress(step: int, losses: dict[str, float]) -> None:
            show(step, losses)
            watch.losses(step, losses)
            if stopped():
                trainer.save(part_size=part_size)
                raise KeyboardInterrupt

        report = loop.train(
            trainer, corpus, time_limit, part_size=part_size, progress=progress,
            validate=watch.validate if validation else None, validate_every=validate_every, workers=workers,
        )  # fmt: skip
    if trainer.processes.rank:
        return
    _tell(run, report, out)
    model = _finished(run, corpus, trainer, out) if report.stopped_by == "steps" else None
    out.record({"run": str(run), **asdict(report), "model": model and str(model), "exit_code": 0})


@command.command("presets", short_help="List networks and schedules.")
@click.argument("name", required=False)
@options.json_option
def presets(name, as_json) -> None:
    """List the presets, or print all values of one as JSON.

    \b
    nac train presets
    nac train presets nac-44k > mine.json       edit it, then: nac train codec --config mine.json
    """
    from nac_cli.train.lm.config import PRESETS as LM_PRESETS
    from nac_cli.train.records import PRESETS, to_json

    every = PRESETS | LM_PRESETS
    if name is not None:
        click.echo(json.dumps(json.loads(to_json(preset_named(name, every))), indent=1))
        return
    for preset, config in every.items():
        if as_json:
            click.echo(json.dumps({"name": preset, **json.loads(to_json(config))}))
        else:
            click.echo(f"{preset:24}{config.about}")


@command.command("checkpoint", short_help="Copy a checkpoint, lighter or in parts.")
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
    from nac_cli.train.codec.loop import CHECKPOINT, LIGHT

    if not force:
        refuse_checkpoint(target / CHECKPOINT)
    state = checkpoint.load(run / CHECKPOINT)
    target.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in state.items() if name in LIGHT or not light}
    checkpoint.save(target / CHECKPOINT, kept, part_size)


@command.command("export", short_help="Write a run's model to a weight file.")
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
    from nac_cli.train.codec.export import export as write_weights

    file = write_weights(run, target, corpus, options.chosen_device(device, threads), name)
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


def _trainer(
    run: Path, preset: str, changes: Path | None, source: Path | None, steps, batch_size, resume: bool, compiled: bool,
    device: str,
) -> Trainer:  # fmt: skip
    """A new run in `run`, or the one that is there."""
    from nac_cli.train.codec.loop import CHECKPOINT, Trainer
    from nac_cli.train.records import PRESETS

    if resume:
        return Trainer.resume(run, device, steps, compiled)
    config = preset_named(preset, PRESETS)
    refuse_checkpoint(run / CHECKPOINT)
    config = changed(config, changes, steps, batch_size)
    run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(config, run, device, compiled)
    if source is not None:
        trainer.start_from(source)
    return trainer


def _prepared(corpus: Path, run: Path, trainer: Trainer, out: Output) -> Path:
    """`corpus` if it is one; else the corpus in RUN that is made of the recordings in it."""
    from nac_cli.train.corpus.prepare import MANIFEST

    if (corpus / MANIFEST).is_file():
        return corpus
    target = run / "corpus"
    if not (target / MANIFEST).is_file() and not trainer.processes.rank:
        train_corpus.prepare_sources([corpus], target, trainer.config.model.sample_rate, 2, out)
    trainer.processes.wait()
    return target


class _Watch:
    """Validation and TensorBoard, where they are wanted."""

    def __init__(self, trainer: Trainer, validation: Path | None, board: Path | None):
        self.validation = self.board = None
        if validation:
            from nac_cli.train.codec.validation import Validation

            self.validation = Validation(validation)
        if board and not trainer.processes.rank:
            from nac_cli.train.codec.board import Board

            self.board = Board(board)

    def losses(self, step: int, losses: dict[str, float]) -> None:
        if self.board and step % BOARD_EVERY == 0:
            self.board.scalars(step, losses)

    def validate(self, trainer: Trainer) -> dict[str, float]:
        model = trainer.ema_model()
        figures = self.validation(model)
        if self.board:
            self.board.scalars(trainer.step, {f"valid/{name}": value for name, value in figures.items()})
            self.board.clips(trainer.step, self.validation.last, model.spec.sample_rate)
        return figures


def _tell(run: Path, report: TrainReport, out: Output) -> None:
    losses = ", ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
    shares = ", ".join(f"{name} {share:.0%}" for name, share in report.shares.items())
    speed = report.audio_seconds / max(report.seconds, 1e-9)
    out.say(
        f"{run}: step {report.step}, stopped by {report.stopped_by}; {clock(report.seconds)} for "
        f"{counted(report.steps_run, 'step')} on {clock(report.audio_seconds)} of sound, {speed:.1f} s of sound a "
        f"second ({shares}); {losses}"
    )


def _finished(run: Path, corpus: Path, trainer: Trainer, out: Output) -> Path:
    """The model of a run that has made all its steps, as a weight file in RUN."""
    from nac_cli.train.codec.export import export as write_weights

    target = run / f"{trainer.config.name}.safetensors"
    file = write_weights(run, target, corpus, str(trainer.device))
    out.say(f"{target}: id {file.spec.model_id.hex()}; try: nac compress SONG.wav --model {target}")
    return target
