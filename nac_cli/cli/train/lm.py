"""The commands of `nac train` that make a language model for a codec's codes."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.interrupt import held
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted, size
from nac_cli.cli.train.config import changed, preset_named, refuse_checkpoint
from nac_cli.cli.train.corpus import FOLDER, NEW_FOLDER
from nac_cli.cli.train.progress import training_progress
from nac_cli.cli.units import Duration

if TYPE_CHECKING:
    from nac_cli.train.lm.export import ExportedLm
    from nac_cli.train.lm.loop import LmTrainer, LmTrainReport
    from nac_cli.train.lm.tokens import Tokens

PRESET = "nac-lm"
LM_SUFFIX = ".lm.safetensors"

model_option = click.option(
    "--model", default=None, metavar="MODEL", help="The codec: a name, an id or a weight file.  [default: nac-44k]"
)
time_limit_option = click.option(
    "--time-limit", type=Duration(), help="Stop after this long, such as 9m or 1h30m.  [default: none]"
)


@click.command("tokens", short_help="Code a corpus, for a language model to learn from.")
@click.argument("corpus", type=FOLDER)
@click.argument("target", metavar="TOKENS", type=NEW_FOLDER)
@model_option
@time_limit_option
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def tokens(corpus, target, model, time_limit, device, threads, as_json, quiet) -> None:
    """Code the recordings of CORPUS, a folder made by `nac train prepare`, into the folder TOKENS.

    Recordings come in random order; what is there already stays, so that an interrupted run goes on.

    \b
    nac train tokens corpus/ tokens/ --time-limit 30m
    """
    out = Output(as_json, quiet)
    count = _tokenise(corpus, target, model, time_limit, device, threads, out)
    out.say(f"{target}: {counted(count, 'recording')}")
    out.record({"target": str(target), "recordings": count, "exit_code": 0})


@click.command("lm", short_help="Train a language model for a codec's codes.")
@click.argument("source", metavar="TOKENS", type=FOLDER)
@click.option(
    "--out", "run", required=True, metavar="RUN", type=NEW_FOLDER, help="Folder of checkpoint, log and model."
)
@click.option("--preset", metavar="NAME", help=f"Network and schedule.  [default: {PRESET}]")
@click.option(
    "--config",
    "changes",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON with the preset's values to change.",
)
@model_option
@click.option("--steps", type=click.IntRange(min=1), metavar="N", help="Updates in all.  [default: the preset's]")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Sequences an update and process.  [default: the preset's]",
)
@time_limit_option
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in RUN; --steps may move the end.")
@click.option("--compile", "compiled", is_flag=True, help="Compile the network; for a GPU.")
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def lm(
    source, run, preset, changes, model, steps, batch_size, time_limit, resume, compiled, device, threads, as_json,
    quiet,
) -> None:  # fmt: skip
    """Train the language model that makes a codec's files smaller, on TOKENS: a folder made by `nac train tokens`, or a
    prepared corpus, whose tokens are then made in RUN first.

    When all steps are made, the integer model is written to RUN. Put it beside the codec's weight file under the same
    name, ending in .lm.safetensors, and `nac compress` uses it.

    \b
    nac train lm tokens/ --out run/ --time-limit 2h
    nac train lm corpus/ --out run/ --preset nac-lm-tiny --model mine.safetensors
    """
    if resume and (preset or batch_size or changes):
        raise click.UsageError("a run that is resumed keeps its config; leave out --preset, --config, --batch-size.")
    from nac_cli.train.lm import loop

    out = Output(as_json, quiet)
    known = _tokens(source, run, model, device, threads, out)
    device = options.chosen_device(device, threads)
    trainer = _trainer(known, run, preset, changes, steps, batch_size, resume, compiled, device)
    hidden = quiet or trainer.processes.rank > 0
    with held() as stopped, training_progress(trainer.config.steps, hidden) as show:

        def progress(step: int, losses: dict[str, float]) -> None:
            show(step, losses)
            if stopped():
                trainer.save()
                raise KeyboardInterrupt

        report = loop.train(trainer, time_limit, progress=progress)
    if trainer.processes.rank:
        return
    _tell(run, report, out)
    written = None
    if report.stopped_by == "steps":
        written = _exported(run, run / f"{known.codec.name}{LM_SUFFIX}", known, out)
    out.record({"run": str(run), **asdict(report), **_export_record(written), "exit_code": 0})


@click.command("export-lm", short_help="Write a language model's run as an integer model.")
@click.argument("run", type=FOLDER)
@click.argument("target", metavar=f"OUT{LM_SUFFIX}", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--tokens", "source", required=True, metavar="TOKENS", type=FOLDER, help="What it was trained on.")
@options.force_option
@options.json_option
@options.quiet_option
def export_lm(run, target, source, force, as_json, quiet) -> None:
    """Write the language model of a RUN as integers, as it stands.

    \b
    nac train export-lm run/ mine.lm.safetensors --tokens tokens/
    """
    if not target.name.endswith(LM_SUFFIX):
        raise click.UsageError(f"{target}: a language model's name ends in {LM_SUFFIX}.")
    from nac_cli.files import check_output
    from nac_cli.train.lm.tokens import Tokens

    check_output(target, force)
    out = Output(as_json, quiet)
    out.record({**_export_record(_exported(run, target, Tokens(source), out)), "exit_code": 0})


def _tokenise(
    corpus: Path, target: Path, model: str | None, time_limit: float | None, device: str, threads: int | None,
    out: Output,
) -> int:  # fmt: skip
    from nac_cli.models import zoo
    from nac_cli.pipelines.models.opening import open_model
    from nac_cli.train.lm.tokens import tokenise

    codec = open_model(zoo.find(model or zoo.DEFAULT), device, threads)
    end = None if time_limit is None else time.monotonic() + time_limit
    with out.progress(str(corpus)) as show:

        def progress(done: int, whole: int) -> bool:
            show(done, whole)
            return end is not None and time.monotonic() > end

        return tokenise(corpus, target, codec, progress=progress)


def _tokens(source: Path, run: Path, model: str | None, device: str, threads: int | None, out: Output) -> Tokens:
    from nac_cli.train.corpus.prepare import MANIFEST
    from nac_cli.train.lm.tokens import Tokens

    if (source / MANIFEST).is_file():
        target = run / "tokens"
        _tokenise(source, target, model, None, device, threads, out)
        source = target
    return Tokens(source)


def _trainer(
    known: Tokens, run: Path, preset: str | None, changes: Path | None, steps, batch_size, resume: bool,
    compiled: bool, device: str,
) -> LmTrainer:  # fmt: skip
    from nac_cli.train.lm.config import PRESETS
    from nac_cli.train.lm.loop import CHECKPOINT, LmTrainer

    if resume:
        return LmTrainer.resume(known, run, device, steps, compiled)
    refuse_checkpoint(run / CHECKPOINT)
    config = changed(preset_named(preset or PRESET, PRESETS), changes, steps, batch_size)
    run.mkdir(parents=True, exist_ok=True)
    return LmTrainer(config, known, run, device, compiled)


def _tell(run: Path, report: LmTrainReport, out: Output) -> None:
    shares = ", ".join(f"{name} {share:.0%}" for name, share in report.shares.items())
    held_out = ", ".join(f"{bits:.3f} at {counted(depth, 'plane')}" for depth, bits in report.held_out_bits.items())
    speed = report.codes / max(report.seconds, 1e-9)
    out.say(
        f"{run}: step {report.step}, stopped by {report.stopped_by}; {clock(report.seconds)} for "
        f"{counted(report.steps_run, 'step')}, {speed:.0f} codes a second ({shares}); {report.bits:.3f} bits a code; "
        f"of recordings held out: {held_out}"
    )


def _exported(run: Path, target: Path, known: Tokens, out: Output) -> ExportedLm:
    from nac_cli.train.lm.export import export

    written = export(run, target, known)
    out.say(
        f"{target}: id {written.model_id.hex()}, {size(written.file_bytes)}; integers cost {written.loss:.2%} more "
        f"than floats"
    )
    return written


def _export_record(written: ExportedLm | None) -> dict:
    if written is None:
        return {"model": None}
    return {
        "model": str(written.path), "model_id": written.model_id.hex(), "file_bytes": written.file_bytes,
        "float_bits": written.float_bits, "integer_bits": written.integer_bits,
    }  # fmt: skip
