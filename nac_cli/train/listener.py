"""Progress of a run of training, as its caller hears of it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nac_cli.train.corpus.prepare import Item, Progress

Step = Callable[[int, dict[str, float]], bool]
"""Takes the step reached and its losses; True stops the run after a checkpoint."""


class Listener:
    """Is told of each stage of a run. Every method does nothing; callers override those they want.

    A stage that takes long is a context, whose value is called as the stage goes on: with recordings done and
    recordings there are, or with the step reached and its losses."""

    def preparing(self, count: int) -> AbstractContextManager[Progress]:
        """`count` recordings are decoded into a corpus."""
        return nullcontext(lambda done, whole: None)

    def left_out(self, message: str) -> None:
        """A recording is not in the corpus; `message` names it and says why."""

    def prepared(self, corpus: Path, items: list[Item]) -> None:
        """The folder `corpus` has been made of recordings."""

    def coding(self, corpus: Path) -> AbstractContextManager[Progress]:
        """The recordings of `corpus` are coded, for a language model to learn from."""
        return nullcontext(lambda done, whole: None)

    def training(self, steps: int, rank: int) -> AbstractContextManager[Step]:
        """The training runs up to step `steps`, in process `rank` of those that train together."""
        return nullcontext(lambda step, losses: False)

    def trained(self, report: Any) -> None:
        """The training has ended, as the `TrainReport` or `LmTrainReport` says; the export, if any, comes next."""


SILENT = Listener()
