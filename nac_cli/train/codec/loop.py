"""The training loop of a codec: batches, steps, checkpoints, log lines and validation."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nac_cli.train import memory, optimizers
from nac_cli.train.codec.data import Excerpts, batches
from nac_cli.train.codec.trainer import Trainer

LOG = "log.jsonl"


@dataclass(frozen=True)
class TrainReport:
    """How a run ended: `step` reached, steps and seconds of this run, seconds of audio seen, mean losses of the last
    100 steps, why it stopped ("steps" or "time limit"), and the share of the time spent on each part of a step."""

    step: int
    steps_run: int
    seconds: float
    audio_seconds: float
    losses: dict[str, float]
    stopped_by: str
    shares: dict[str, float]


def train(
    trainer: Trainer,
    corpus: Path,
    time_limit: float | None = None,
    save_every: float = 300.0,
    part_size: int | None = None,
    progress: Callable[[int, dict[str, float]], None] = lambda step, values: None,
    validate: Callable[[Trainer], dict[str, float]] | None = None,
    validate_every: int = 1000,
    workers: int = 0,
    keep_every: int = 0,
) -> TrainReport:
    """Run `trainer` on a prepared corpus until its steps or `time_limit` seconds are used up, then checkpoint.

    A checkpoint is written every `save_every` seconds (in parts of at most `part_size` bytes), a line of mean losses
    to `log.jsonl` every 100 steps, and one with what `validate` says every `validate_every` steps. Every `keep_every`
    steps (0: never) a checkpoint of its own is kept in the folder `step-N`. `workers` processes read ahead; a thread
    does if it is 0.
    """
    memory.keep_freed()
    config, processes = trainer.config, trainer.processes
    excerpts = Excerpts.of(corpus, config)
    started = saved = time.monotonic()
    first_step, stopped_by = trainer.step, "steps"
    recent: deque[dict[str, float]] = deque(maxlen=100)
    mine = range(processes.rank * config.batch_size, (processes.rank + 1) * config.batch_size)
    for batch in batches(excerpts, mine, config.seed, trainer.step, workers):
        if trainer.step >= config.steps:
            break
        if processes.agree(time_limit is not None and time.monotonic() - started > time_limit):
            stopped_by = "time limit"
            break
        recent.append(trainer.train_step(batch))
        progress(trainer.step, recent[-1])
        if trainer.step % 100 == 0:
            _log(trainer, _means(recent), time.monotonic() - started)
        if validate and trainer.step % validate_every == 0 and not processes.rank:
            _write_line(trainer, {"step": trainer.step} | {f"valid/{k}": v for k, v in validate(trainer).items()})
        if keep_every and trainer.step % keep_every == 0:
            kept = trainer.folder / f"step-{trainer.step}"
            kept.mkdir(exist_ok=True)
            trainer.save(part_size, kept)
        if time.monotonic() - saved > save_every:
            trainer.save(part_size=part_size)
            saved = time.monotonic()
    trainer.save(part_size=part_size)
    steps_run = trainer.step - first_step
    audio_seconds = steps_run * config.batch_size * processes.count * excerpts.length / excerpts.sample_rate
    return TrainReport(
        trainer.step,
        steps_run,
        time.monotonic() - started,
        audio_seconds,
        _means(recent),
        stopped_by,
        trainer.stopwatch.shares(),
    )


def _means(recent: deque[dict[str, float]]) -> dict[str, float]:
    """Mean of each loss over the steps that had it."""
    names = sorted({name for values in recent for name in values})
    return {name: float(np.mean([values[name] for values in recent if name in values])) for name in names}


def _log(trainer: Trainer, means: dict[str, float], seconds: float) -> None:
    _write_line(
        trainer,
        {
            "step": trainer.step,
            "seconds": round(seconds, 1),
            "rate": optimizers.codec_rate_factor(trainer.step, trainer.config),
            "entropy": [round(float(bits), 3) for bits in trainer.codebooks.usage.entropy()],
            "revived": trainer.codebooks.revived,
            **{name: round(value, 4) for name, value in means.items()},
        },
    )


def _write_line(trainer: Trainer, line: dict) -> None:
    if trainer.processes.rank:
        return
    with open(trainer.folder / LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(line) + "\n")
