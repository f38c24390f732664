"""The progress of a verification or a restoration, on stderr: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nac_cli.archive.workers.pool import Progressed
from nac_cli.cli.archive.progress import Interval
from nac_cli.cli.output import Output
from nac_cli.cli.text import counted

if TYPE_CHECKING:
    from nac_cli.archive.inventory import Kept


class Steps:
    """Counts the finished files of an archive, and their bytes."""

    def __init__(self, files: int, size: int, show: Callable[[float, float], None], out: Output):
        self.bad = self.done = 0
        self._files, self._bytes, self._show, self._out = files, size, show, out
        self._bytes_done = 0
        self._under_way: dict[str, float] = {}
        self._interval = Interval()

    def add(self, entry: Kept, event: object, bad: bool = False) -> None:
        self._under_way.pop(entry.path, None)
        if isinstance(event, Progressed):
            self._under_way[entry.path] = entry.bytes * min(event.done / event.whole, 1.0) if event.whole else 0.0
        else:
            self.done += 1
            self.bad += bad
            self._bytes_done += entry.bytes
        self._show(self._bytes_done + sum(self._under_way.values()), self._bytes)
        if self._interval.over():
            self._out.say(f"{self.done} of {counted(self._files, 'file')}" + (f", {self.bad} bad" if self.bad else ""))


@contextmanager
def steps(title: str, entries: Sequence[Kept], out: Output) -> Iterator[Steps]:
    with out.progress(title) as show:
        yield Steps(len(entries), sum(entry.bytes for entry in entries), show, out)
