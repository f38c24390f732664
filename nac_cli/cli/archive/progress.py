"""The progress of a run, on stderr: bars in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nac_cli.archive.journal import Crashed, Done, Failed, Outcome
from nac_cli.archive.workers.pool import Progressed
from nac_cli.cli.output import Output, bars_on_stderr
from nac_cli.cli.text import clock, counted, printable, size

if TYPE_CHECKING:
    from nac_cli.archive.plan import Job

LINE_SECONDS = 10.0
"""Seconds between two lines about the progress, where there is no terminal."""
SETTLED = 0.02
"""Share of the work after which a guess at the time left is worth showing."""
READING = 0.5
"""Share of a file's work that is done when it has been read and encoded; packing takes about as long."""


class Interval:
    """A timer for lines that are not to come too often."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def over(self) -> bool:
        """Whether LINE_SECONDS have passed since the beginning, or since this was last true."""
        if time.monotonic() - self._started < LINE_SECONDS:
            return False
        self._started = time.monotonic()
        return True


@dataclass
class Progress:
    """The progress of a run in bytes of sources, files and seconds of sound; `under_way` has the bytes and seconds of
    each file that is being worked on, by path."""

    files: int
    bytes: int
    files_done: int = 0
    bytes_done: int = 0
    failed: int = 0
    seconds: float = 0.0
    read: int = 0
    written: int = 0
    under_way: dict[str, tuple[float, float]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def add(self, job: Job, event: Outcome | Progressed) -> None:
        if isinstance(event, Progressed):
            read = min(event.done / event.whole, 1.0) if event.whole else 1.0
            self.under_way[job.path] = (READING * read * job.found.size, READING * event.done)
            return
        self.under_way.pop(job.path, None)
        if isinstance(event, Crashed):
            return
        self.files_done += 1
        self.bytes_done += job.found.size
        if isinstance(event, Failed):
            self.failed += 1
            return
        self.read, self.written = self.read + event.source_bytes, self.written + event.bytes
        if isinstance(event, Done):
            self.seconds += event.samples / event.sample_rate

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.started

    @property
    def bytes_reached(self) -> float:
        return self.bytes_done + sum(part for part, _ in self.under_way.values())

    @property
    def speed(self) -> float:
        """Seconds of sound done per second."""
        return (self.seconds + sum(part for _, part in self.under_way.values())) / max(self.elapsed, 1e-3)

    @property
    def seconds_left(self) -> float | None:
        """An estimate by bytes, in seconds; None while too little is done for one."""
        share = self.bytes_reached / self.bytes if self.bytes else 1.0
        return None if share < SETTLED else self.elapsed * (1 / share - 1)

    def words(self) -> str:
        left = self.seconds_left
        parts = [
            f"{self.files_done} of {counted(self.files, 'file')}", f"{self.speed:.1f}x real time",
            f"{size(self.read)} -> {size(self.written)}",
        ]  # fmt: skip
        if self.failed:
            parts.append(f"{self.failed} failed")
        if left is not None and self.files_done < self.files:
            parts.append(f"about {clock(left).partition('.')[0]} left")
        return ", ".join(parts)


class Board:
    """Shows a `Progress`: in a terminal a bar for all, and a line for each worker with its file. A context manager."""

    def __init__(self, progress: Progress, out: Output):
        self.progress, self._out = progress, out
        self._bars: Any = None
        self._open = ExitStack()
        self._interval = Interval()
        self._lines: dict[int, tuple[Any, str | None]] = {}

    def __enter__(self) -> Board:
        if not (self._out.quiet or self._out.json) and sys.stderr.isatty():
            self._bars = self._open.enter_context(bars_on_stderr(time_left=False))
            self._whole = self._bars.add_task(self.progress.words(), total=self.progress.bytes)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def watch(self, job: Job, event: Outcome | Progressed) -> None:
        self.progress.add(job, event)
        if self._bars is not None:
            self._bars.update(self._whole, completed=self.progress.bytes_reached, description=self.progress.words())
            self._update_line(job, event)
        elif self._interval.over():
            self._out.say(self.progress.words())

    def _update_line(self, job: Job, event: Outcome | Progressed) -> None:
        if isinstance(event, Progressed):
            if event.worker not in self._lines:
                self._lines[event.worker] = (self._bars.add_task("", total=None, visible=False), None)
            line, before = self._lines[event.worker]
            self._lines[event.worker] = (line, job.path)
            packing = "" if event.whole else ", packing"
            text = f"{printable(job.path)[-60:]}  {clock(event.done)}{packing}"
            self._bars.update(
                line, description=text, completed=event.done, total=event.whole or event.done, visible=True,
                refresh=job.path != before,
            )  # fmt: skip
            return
        for worker, (line, path) in self._lines.items():
            if path == job.path:
                self._lines[worker] = (line, None)
                self._bars.update(line, visible=False)
