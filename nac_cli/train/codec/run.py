"""A codec from recordings, in one call: corpus, training, weight file.

from nac_cli.train.codec import run
from nac_cli.train.codec.presets import PRESETS

trained = run.train("recordings", "run", PRESETS["nac-44k-tiny"])
print(trained.report.losses, trained.model.path)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nac_cli.models.weights import WeightFile
from nac_cli.pipelines.models.opening import device_for_torch
from nac_cli.train import checkpoint
from nac_cli.train.codec import loop
from nac_cli.train.codec.config import TrainConfig
from nac_cli.train.codec.export import export
from nac_cli.train.codec.loop import TrainReport
from nac_cli.train.codec.monitor import Monitor
from nac_cli.train.codec.trainer import CHECKPOINT, Trainer
from nac_cli.train.corpus.folders import is_corpus, prepare_folders
from nac_cli.train.listener import SILENT, Listener
from nac_cli.train.records import override


@dataclass(frozen=True)
class TrainedCodec:
    """How a run ended, and its weight file, which there is once all steps are made."""

    report: TrainReport
    model: WeightFile | None


def train(
    recordings: str | Path,
    run: str | Path,
    config: TrainConfig | None = None,
    *,
    start_from: Path | None = None,
    steps: int | None = None,
    cooldown: int | None = None,
    time_limit: float | None = None,
    validation: Path | None = None,
    validate_every: int = 1000,
    tensorboard: bool = False,
    part_size: int | None = None,
    keep_every: int = 0,
    workers: int = 0,
    compiled: bool = False,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = SILENT,
) -> TrainedCodec | None:
    """Train a codec on `recordings`, a prepared corpus or any folder of sound, in the folder `run`.

    `run` gets the checkpoint, the log, the corpus if it is made here, and the weight file. With a `config` a new run
    begins, from the averaged weights of the run or weight file `start_from` if that is given; without one the run that
    is there goes on, with a `cooldown` for so many steps, over which the rates fall. `steps` moves the end in either
    case.

    `time_limit` is in seconds. Every `validate_every` steps the model is measured on the recordings in the folder
    `validation`; `tensorboard` draws curves into `run/board`. Checkpoints are in parts of at most `part_size` bytes;
    every `keep_every` steps one is kept in `run/step-N`.
    `workers` processes read ahead, a thread if 0; `compiled` networks start slowly and are fast on a GPU. `listener`
    may stop the run: a checkpoint is written and KeyboardInterrupt raised.

    Under `torchrun` the first process returns the result, the others None. Raises OutputExists if a new run would
    replace another, ModelError for runs that do not fit or are missing, AudioError for recordings of no use, UsageError
    for a device or package that is missing.
    """
    recordings, run = Path(recordings), Path(run)
    trainer = _open(run, config, start_from, steps, cooldown, compiled, device_for_torch(device, threads))
    rank = trainer.processes.rank
    corpus = _corpus(recordings, run, trainer, listener)
    monitor = Monitor(trainer, validation, run / "board" if tensorboard else None)
    with listener.training(trainer.config.steps, rank) as show:

        def progress(step: int, losses: dict[str, float]) -> None:
            stop = show(step, losses)
            monitor.losses(step, losses)
            if stop:
                trainer.save(part_size=part_size)
                raise KeyboardInterrupt

        report = loop.train(
            trainer, corpus, time_limit, part_size=part_size, progress=progress,
            validate=monitor.validate if validation else None, validate_every=validate_every, workers=workers,
            keep_every=keep_every,
        )  # fmt: skip
    if rank:
        return None
    listener.trained(report)
    if report.stopped_by != "steps":
        return TrainedCodec(report, None)
    target = run / f"{trainer.config.name}.safetensors"
    return TrainedCodec(report, export(run, target, corpus, str(trainer.device)))


def _open(
    run: Path,
    config: TrainConfig | None,
    start_from: Path | None,
    steps: int | None,
    cooldown: int | None,
    compiled: bool,
    device: str,
) -> Trainer:
    """A new run in `run`, or without a `config` the one that is there."""
    if config is None:
        return Trainer.resume(run, device, steps, compiled, cooldown)
    checkpoint.refuse(run / CHECKPOINT)
    run.mkdir(parents=True, exist_ok=True)
    trainer = Trainer(override(config, steps=steps), run, device, compiled)
    if start_from is not None:
        trainer.start_from(start_from)
    return trainer


def _corpus(recordings: Path, run: Path, trainer: Trainer, listener: Listener) -> Path:
    """`recordings` if it is a corpus; else the one in `run` that is made of them, by the first process."""
    if is_corpus(recordings):
        return recordings
    corpus = run / "corpus"
    if not is_corpus(corpus) and not trainer.processes.rank:
        prepare_folders([recordings], corpus, trainer.config.model.sample_rate, listener=listener)
    trainer.processes.wait()
    return corpus
