"""The commands of `nac train` that make a language model for a codec's codes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted, size
from nac_cli.cli.train.config import changed, preset_named
from nac_cli.cli.train.corpus import FOLDER, NEW_FOLDER
from nac_cli.cli.train.teller import RunTeller
from nac_cli.cli.units import Duration
from nac_cli.models import zoo

if TYPE_CHECKING:
    from nac_cli.train.lm.export import ExportedLm
    from nac_cli.train.lm.loop import LmTrainReport

PRESET = "nac-lm"


model_option = click.option(
    "--model",
    default=options.DEFAULT_MODEL,
    show_default=True,
    metavar="MODEL",
    help="The codec: a name, an id or a weight file.",
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
    from nac_cli.train.lm.run import make_tokens

    out = Output(as_json, quiet)
    count = make_tokens(
        corpus, target, model, time_limit=time_limit, device=device, threads=threads,
        listener=RunTeller(out),
    )  # fmt: skip
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
@click.option(
    "--from",
    "start",
    metavar=f"FILE{zoo.LM_SUFFIX}",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Start from a language model of the same shape.",
)
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
    source, run, preset, changes, model, start, steps, batch_size, time_limit, resume, compiled, device, threads,
    as_json, quiet,
) -> None:  # fmt: skip
    """Train the language model that makes a codec's files smaller, on TOKENS: a folder made by `nac train tokens`, or a
    prepared corpus, whose tokens are then made in RUN first.

    When all steps are made, the integer model is written to RUN. Put it beside the codec's weight file under the same
    name, ending in .lm.safetensors, and `nac compress` uses it.

    \b
    nac train lm tokens/ --out run/ --time-limit 2h
    nac train lm corpus/ --out run/ --preset nac-lm-tiny --model mine.safetensors
    nac train lm tokens/ --out run/ --from nac-44k.lm.safetensors
    """
    if resume and (preset or batch_size or changes or start):
        raise click.UsageError(
            "a run that is resumed keeps its config; leave out --preset, --config, --batch-size, --from."
        )
    from nac_cli.train.lm import run as training
    from nac_cli.train.lm.config import PRESETS

    out = Output(as_json, quiet)
    config = None if resume else changed(preset_named(preset or PRESET, PRESETS), changes, steps, batch_size)
    trained = training.train(
        source, run, config, model=model, start=start, steps=steps, time_limit=time_limit,
        compiled=compiled, device=device, threads=threads, listener=_Teller(out, run),
    )  # fmt: skip
    if trained is None:  # another process tells
        return
    if trained.model is not None:
        _say_exported(trained.model, out)
    out.record({"run": str(run), **asdict(trained.report), **_export_record(trained.model), "exit_code": 0})


class _Teller(RunTeller):
    def trained(self, report: LmTrainReport) -> None:
        held_out = ", ".join(f"{bits:.3f} at {counted(depth, 'plane')}" for depth, bits in report.held_out_bits.items())
        speed = f", {report.codes / max(report.seconds, 1e-9):.0f} codes a second"
        self.tell(report, speed, f"{report.bits:.3f} bits a code; of recordings held out: {held_out}")


@click.command("export-lm", short_help="Write a language model's run as an integer model.")
@click.argument("run", type=FOLDER)
@click.argument("target", metavar=f"OUT{zoo.LM_SUFFIX}", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--tokens", "source", required=True, metavar="TOKENS", type=FOLDER, help="What it was trained on.")
@options.force_option
@options.json_option
@options.quiet_option
def export_lm(run, target, source, force, as_json, quiet) -> None:
    """Write the language model of a RUN as integers, as it stands.

    \b
    nac train export-lm run/ mine.lm.safetensors --tokens tokens/
    """
    if not target.name.endswith(zoo.LM_SUFFIX):
        raise click.UsageError(f"{target}: a language model's name ends in {zoo.LM_SUFFIX}.")
    from nac_cli.files import check_output
    from nac_cli.train.lm.export import export
    from nac_cli.train.lm.tokens import Tokens

    check_output(target, force)
    out = Output(as_json, quiet)
    written = export(run, target, Tokens(source))
    _say_exported(written, out)
    out.record({**_export_record(written), "exit_code": 0})


def _say_exported(written: ExportedLm, out: Output) -> None:
    out.say(
        f"{written.path}: id {written.model_id.hex()}, {size(written.file_bytes)}; integers cost "
        f"{written.loss:.2%} more than floats"
    )


def _export_record(written: ExportedLm | None) -> dict:
    if written is None:
        return {"model": None}
    return {
        "model": str(written.path), "model_id": written.model_id.hex(), "file_bytes": written.file_bytes,
        "float_bits": written.float_bits, "integer_bits": written.integer_bits,
    }  # fmt: skip
