"""Stages of a training run on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from nac_cli.cli.interrupt import held
from nac_cli.cli.output import Output
from nac_cli.cli.text import clock, counted
from nac_cli.cli.train.contents import say_corpus
from nac_cli.cli.train.progress import training_progress
from nac_cli.train.listener import Listener, Step

if TYPE_CHECKING:
    from nac_cli.train.codec.loop import TrainReport
    from nac_cli.train.corpus.prepare import Item, Progress
    from nac_cli.train.lm.loop import LmTrainReport


class RunTeller(Listener):
    """Shows bars or lines of each stage, and stops the training at the first Ctrl-C."""

    def __init__(self, out: Output, run: Path | None = None):
        self._out, self._run = out, run

    @contextmanager
    def preparing(self, count: int) -> Iterator[Progress]:
        self._out.say(f"preparing {counted(count, 'file')}")
        with self._out.progress("preparing") as show:
            yield show

    def left_out(self, message: str) -> None:
        self._out.warn(f"left out: {message}")

    def prepared(self, corpus: Path, items: list[Item]) -> None:
        say_corpus(corpus, items, self._out)

    def coding(self, corpus: Path) -> AbstractContextManager[Progress]:
        return self._out.progress(str(corpus))

    @contextmanager
    def training(self, steps: int, rank: int) -> Iterator[Step]:
        with held() as stopped, training_progress(steps, self._out.quiet or rank > 0) as show:

            def step(number: int, losses: dict[str, float]) -> bool:
                show(number, losses)
                return stopped()

            yield step

    def tell(self, report: TrainReport | LmTrainReport, speed: str, outcome: str) -> None:
        """Say how a run ended: where it stands, how long that took, at which `speed`, and its `outcome`."""
        shares = ", ".join(f"{name} {share:.0%}" for name, share in report.shares.items())
        self._out.say(
            f"{self._run}: step {report.step}, stopped by {report.stopped_by}; {clock(report.seconds)} for "
            f"{counted(report.steps_run, 'step')}{speed} ({shares}); {outcome}"
        )
