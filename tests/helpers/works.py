"""Work that needs no model, for pools of real processes: they import this module."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nac_cli.archive.workers.pool import OnProgress
from nac_cli.errors import ModelError
from nac_cli.failures import Failure


@dataclass(frozen=True)
class Doubling:
    """Doubles numbers; other things happen at words. `wrong`: what `open` does instead."""

    wrong: str = ""

    def open(self) -> Doubling:
        if self.wrong == "refuse":
            raise ModelError("no such model")
        if self.wrong == "die":
            os._exit(3)
        return self

    def run(self, tasks: Sequence[int | str], progress: OnProgress) -> Iterator[tuple[int, int | Failure]]:
        for index, task in enumerate(tasks):
            progress(index, 1.0, 2.0)
            if task == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            if task == "raise":
                raise ZeroDivisionError("on purpose")
            if task == "sleep":
                time.sleep(600)
            yield index, Failure("no number", 3) if isinstance(task, str) else 2 * task
