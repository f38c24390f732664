"""Ctrl-C, SIGTERM and SIGHUP: a KeyboardInterrupt at a moment when it is not lost."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
RETRY_SECONDS = 0.01


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, the first signal raises KeyboardInterrupt, whichever it is, so that partial files are removed. Further
    ones are ignored until that is done. Signals that the caller ignores (nohup) stay ignored."""
    with _handled_by(_interrupt):
        yield


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Inside, the first signal only makes the yielded function true: the work stops where its state is whole.
    A second one interrupts at once."""
    came = []

    def note(number: int, frame: FrameType | None) -> None:
        if came:
            _interrupt(number, frame)
        came.append(number)

    with _handled_by(note):
        yield lambda: bool(came)


@contextmanager
def _handled_by(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    changed = [number for number, old in before.items() if old not in (signal.SIG_IGN, None)]
    for number in changed:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


def _interrupt(number: int, frame: FrameType | None) -> None:
    if _in_callback(frame):
        threading.Timer(RETRY_SECONDS, _thread.interrupt_main, (number,)).start()
        return
    for each in SIGNALS:
        signal.signal(each, _ignore)
    raise KeyboardInterrupt


def _ignore(number: int, frame: FrameType | None) -> None:
    pass


def _in_callback(frame: FrameType | None) -> bool:
    """Whether C code called what runs now: libsndfile's callbacks print and drop every exception."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "soundfile" and frame.f_code.co_name.startswith("vio_"):
            return True
        frame = frame.f_back
    return False
