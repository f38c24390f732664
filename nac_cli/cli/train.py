"""`nac train`: a corpus, a codec, a weight file."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nac_cli.cli import options
from nac_cli.cli.interrupt import held
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted
from nac_cli.cli.training_progress import training_progress
from nac_cli.cli.units import Duration
from nac_cli.errors import AudioError, OutputExists

if TYPE_CHECKING:
    from nac_cli.train.config import TrainConfig
    from nac_cli.train.loop import Trainer

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
NEW_FOLDER = click.Path(file_okay=False, path_type=Path)
PRESET = "nac-44k"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
CHECKPOINT_HINT = "a run is there already; go on with it by --resume, or choose another folder"


def _checked_name(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not NAME.fullmatch(value):
        raise click.BadParameter(
            f"{value!r} is no model name; use 1 to 32 letters, digits, '.', '_' and '-'."
        )
    return value


@click.group("train", short_help="Train a model of your own.")
def command() -> None:
    """Train a codec: prepare a corpus, train on it, export a weight file.

    \b
    nac train prepare music/ speech/ corpus/
    nac train codec corpus/ --out run/ --steps 100000
    nac train export run/ mine.safetensors --corpus corpus/
    """


@command.command("prepare")
@click.argument("sources", nargs=-1, required=True, metavar="SRC...", type=FOLDER)
@click.argument("target", metavar="DST", type=NEW_FOLDER)
@click.option(
    "--sample-rate",
    type=click.IntRange(8000, 192_000),
    default=44_100,
    show_default=True,
    metavar="HZ",
    help="Rate of the corpus: that of the model to train.",
)
@click.option(
    "--jobs", type=click.IntRange(min=1), default=2, show_default=True, metavar="N", help="Processes."
)
@click.option("-f", "--force", is_flag=True, help="Replace a corpus in DST.")
@options.json_option
@options.quiet_option
def prepare(sources, target, sample_rate, jobs, force, as_json, quiet) -> None:
    """Decode all sound under the folders SRC into a corpus in the folder DST.

    The first folder below SRC names the domain; presets balance music, speech, env and instrument.

    \b
    nac train prepare sounds/ corpus/       reads sounds/music/..., sounds/speech/...
    """
    from nac_cli.train import corpus

    out = Output(as_json, quiet)
    if (target / corpus.MANIFEST).exists() and not force:
        raise OutputExists(f"{target}: holds a corpus already; use --force to replace it")
    files = [file for source in sources for file in corpus.find_audio(source)]
    if not files:
        raise AudioError(f"no sound files in {', '.join(map(str, sources))}")
    out.say(f"preparing {counted(len(files), 'file')}")
    left_out: list[str] = []
    items = corpus.prepare(files, target, sample_rate, workers=jobs, report=left_out.append)
    for message in left_out:
        out.warn(f"left out: {message}")
    if not items:
        raise AudioError(
            f"none of {counted(len(files), 'file')} is of use, so there is no corpus in {target}"
        )
    seconds = {domain: 0.0 for domain in sorted({item.domain for item in items})}
    for item in items:
        seconds[item.domain] += item.seconds
    shares = ", ".join(f"{domain} {clock(length)}" for domain, length in seconds.items())
    out.say(f"{target}: {counted(len(items), 'file')}, {clock(sum(seconds.values()))} ({shares})")
    out.record(
        {"target": str(target), "files": len(items), "left_out": left_out, "seconds": seconds, "exit_code": 0}
    )


@command.command("codec")
@click.argument("corpus", type=FOLDER)
@click.option(
    "--out", "run", required=True, metavar="RUN", type=NEW_FOLDER, help="Folder of checkpoint and log."
)
@click.option(
    "--preset", metavar="NAME", help=f"Network and schedule: nac-44k, nac-44k-tiny.  [default: {PRESET}]"
)
@click.option(
    "--steps", type=click.IntRange(min=1), metavar="N", help="Updates in all.  [default: the preset's]"
)
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    metavar="N",
    help="Excerpts an update.  [default: the preset's]",
)
@click.option(
    "--time-limit", type=Duration(), help="Stop after this long, such as 9m or 1h30m.  [default: none]"
)
@click.option(
    "--resume",
    is_flag=True,
    help="Go on from the checkpoint in RUN, with its preset; --steps may move the end.",
)
@options.device_option
@options.threads_option
@options.json_option
@options.quiet_option
def codec(
    corpus, run, preset, steps, batch_size, time_limit, resume, device, threads, as_json, quiet
) -> None:
    """Train a codec on CORPUS, a folder made by `nac train prepare`.

    Ctrl-C saves a checkpoint first.

    \b
    nac train codec corpus/ --out run/ --preset nac-44k --time-limit 8h
    """
    if resume and (preset or batch_size):
        raise click.UsageError(
            "a run that is resumed keeps its preset and batch size; leave those options out."
        )
    from nac_cli.train import loop

    out = Output(as_json, quiet)
    trainer = _trainer(
        corpus, run, preset or PRESET, steps, batch_size, resume, _device(device, threads), out
    )
    with held() as stopped, training_progress(trainer.config.steps, quiet) as show:

        def progress(step: int, losses: dict[str, float]) -> None:
            show(step, losses)
            if stopped():
                trainer.save()
                raise KeyboardInterrupt

        report = loop.train(trainer, corpus, time_limit, progress=progress)
    losses = ", ".join(f"{name} {value:.3f}" for name, value in report.losses.items())
    out.say(
        f"{run}: step {report.step}, stopped by {report.stopped_by}; {clock(report.seconds)} for "
        f"{counted(report.steps_run, 'step')} on {clock(report.audio_seconds)} of sound; {losses}"
    )
    out.record({"run": str(run), **asdict(report), "exit_code": 0})


@command.command("export")
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
    from nac_cli.pipelines.atomic import check_output

    check_output(target, force)
    from nac_cli.train.export import export as write_weights

    file = write_weights(run, target, corpus, _device(device, threads), name)
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


def _device(device: str, threads: int | None) -> str:
    from nac_cli.pipelines.runtime import choose_device

    return choose_device(device, threads)


def _trainer(
    corpus: Path, run: Path, preset: str, steps, batch_size, resume: bool, device: str, out: Output
) -> Trainer:
    """A new run in `run`, or the one that is there."""
    from nac_cli.train.config import PRESETS, override
    from nac_cli.train.loop import CHECKPOINT, Trainer

    if resume:
        return Trainer.resume(run, device, steps)
    if preset not in PRESETS:
        raise click.UsageError(f"there is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    if (run / CHECKPOINT).exists():
        raise OutputExists(f"{run}: {CHECKPOINT_HINT}")
    config = _fitted_to(corpus, override(PRESETS[preset], steps=steps, batch_size=batch_size), out)
    run.mkdir(parents=True, exist_ok=True)
    return Trainer(config, run, device)


def _fitted_to(corpus: Path, config: TrainConfig, out: Output) -> TrainConfig:
    """The config, or one that draws all domains alike where it knows none of the corpus'."""
    from nac_cli.train.config import override
    from nac_cli.train.corpus import read_manifest

    domains = sorted({item.domain for item in read_manifest(corpus)})
    if any(config.domain_weights.get(domain) for domain in domains):
        return config
    out.warn(f"the preset has no weights for {', '.join(domains)}: they are drawn alike")
    return override(config, domain_weights={})
