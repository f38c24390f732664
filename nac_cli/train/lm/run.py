"""A language model for a codec's codes, in one call: tokens, training, integer model.

from nac_cli.train.lm import run
from nac_cli.train.lm.config import PRESETS

trained = run.train("corpus", "lm", PRESETS["nac-lm"], model="nac-44k")
print(trained.model.path, trained.model.integer_bits)
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from nac_cli.entropy.lm import IntegerModel, load
from nac_cli.models import zoo
from nac_cli.pipelines.models.opening import device_for_torch, open_model
from nac_cli.train import checkpoint
from nac_cli.train.corpus.folders import is_corpus
from nac_cli.train.listener import SILENT, Listener
from nac_cli.train.lm import loop
from nac_cli.train.lm.config import LmTrainConfig
from nac_cli.train.lm.export import ExportedLm, export
from nac_cli.train.lm.loop import CHECKPOINT, LmTrainer, LmTrainReport
from nac_cli.train.lm.tokens import Tokens, tokenise
from nac_cli.train.records import override


@dataclass(frozen=True)
class TrainedLm:
    """How a run ended, and its integer model, which there is once all steps are made."""

    report: LmTrainReport
    model: ExportedLm | None


def make_tokens(
    corpus: str | Path,
    target: str | Path,
    model: str | Path = zoo.DEFAULT,
    *,
    time_limit: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = SILENT,
) -> int:
    """Code the recordings of a prepared corpus by `model` (a name, an id or a weight file) into the folder `target`,
    for at most `time_limit` seconds; how many recordings are there at the end. Raises ModelError and AudioError as
    `tokenise` does, and ModelError for a model that is not here."""
    codec = open_model(zoo.find(model), device, threads)
    end = None if time_limit is None else time.monotonic() + time_limit
    with listener.coding(Path(corpus)) as show:

        def progress(done: int, whole: int) -> bool:
            show(done, whole)
            return end is not None and time.monotonic() > end

        return tokenise(Path(corpus), Path(target), codec, progress=progress)


def train(
    source: str | Path,
    run: str | Path,
    config: LmTrainConfig | None = None,
    *,
    model: str | Path = zoo.DEFAULT,
    start: str | Path | None = None,
    steps: int | None = None,
    time_limit: float | None = None,
    compiled: bool = False,
    device: str = "auto",
    threads: int | None = None,
    listener: Listener = SILENT,
) -> TrainedLm | None:
    """Train a language model in the folder `run` on `source`: tokens, or a prepared corpus whose tokens of `model` are
    then made in `run` first.

    `run` gets the checkpoint, the log and the integer model, which is named after the codec. With a `config` a new run
    begins, from the integer model in the file `start` if there is one, without one the run that is there goes on;
    `steps` moves the end in either case. `time_limit` is in seconds.
    `listener` may stop the run: a checkpoint is written and KeyboardInterrupt raised.

    Under `torchrun` the first process returns the result, the others None. Raises OutputExists if a new run would
    replace another, ModelError for a run or codec that is missing or of other codes, AudioError where there are no
    tokens.
    """
    source, run = Path(source), Path(run)
    begin = None if start is None else load(Path(start))  # before tokens are made: it may be damaged
    if is_corpus(source):
        make_tokens(source, run / "tokens", model, device=device, threads=threads, listener=listener)
        source = run / "tokens"
    tokens = Tokens(source)
    trainer = _open(tokens, run, config, begin, steps, compiled, device_for_torch(device, threads))
    rank = trainer.processes.rank
    with listener.training(trainer.config.steps, rank) as show:

        def progress(step: int, losses: dict[str, float]) -> None:
            if show(step, losses):
                trainer.save()
                raise KeyboardInterrupt

        report = loop.train(trainer, time_limit, progress=progress)
    if rank:
        return None
    listener.trained(report)
    if report.stopped_by != "steps":
        return TrainedLm(report, None)
    return TrainedLm(report, export(run, run / f"{tokens.codec.name}{zoo.LM_SUFFIX}", tokens))


def _open(
    tokens: Tokens,
    run: Path,
    config: LmTrainConfig | None,
    begin: IntegerModel | None,
    steps: int | None,
    compiled: bool,
    device: str,
) -> LmTrainer:
    """A new run in `run`, from `begin` if there is one, or without a `config` the one that is there."""
    if config is None:
        return LmTrainer.resume(tokens, run, device, steps, compiled)
    checkpoint.refuse(run / CHECKPOINT)
    run.mkdir(parents=True, exist_ok=True)
    return LmTrainer(override(config, steps=steps), tokens, run, device, compiled, begin)
