"""Ctrl-C, SIGTERM and SIGHUP become a KeyboardInterrupt that is not lost and spares the cleaning up."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
REMIND_SECONDS = 0.02


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, a signal raises KeyboardInterrupt, whichever it is, so that partial files are removed. More of
    them do not disturb that. Signals that the caller ignores (nohup) stay ignored."""
    with _handled_by(_Interruption()):
        yield


@contextmanager
def held() -> Iterator[Callable[[], bool]]:
    """Inside, the first signal only makes the yielded function true: the work stops where its state is whole.
    A second one interrupts at once."""
    interruption = _Interruption(patient=True)
    with _handled_by(interruption):
        yield lambda: interruption.came


class _Interruption:
    """A signal handler that raises KeyboardInterrupt until that has got through.

    One exception is not enough: libsndfile's callbacks drop it, and so may modules being imported. So
    the signal is sent again and again, and raises again unless the stack is unwinding already.
    """

    def __init__(self, patient: bool = False):
        self.came = False
        self._patient = patient
        self._over = threading.Event()
        self._reminder: threading.Thread | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        first, self.came = not self.came, True
        if self._over.is_set() or (first and self._patient):
            return
        if self._reminder is None:
            self._reminder = threading.Thread(target=self._remind, args=(number,), daemon=True)
            self._reminder.start()
        if not _in_callback(frame) and not _unwinding():
            raise KeyboardInterrupt

    def end(self) -> None:
        self._over.set()
        if self._reminder is not None:
            self._reminder.join()

    def _remind(self, number: int) -> None:
        while not self._over.wait(REMIND_SECONDS):
            main = threading.main_thread().ident
            if hasattr(signal, "pthread_kill") and main is not None:  # which also wakes a thread that waits for input
                signal.pthread_kill(main, number)
            else:
                _thread.interrupt_main(signal.Signals(number))


@contextmanager
def _handled_by(interruption: _Interruption) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    changed = [number for number, old in before.items() if old not in (signal.SIG_IGN, None)]
    for number in changed:
        signal.signal(number, interruption)
    try:
        yield
    finally:
        interruption.end()
        for number in changed:
            signal.signal(number, before[number])


def _in_callback(frame: FrameType | None) -> bool:
    """Whether libsndfile called what runs now; its callbacks print and drop every exception."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "soundfile" and frame.f_code.co_name.startswith("vio_"):
            return True
        frame = frame.f_back
    return False


def _unwinding() -> bool:
    """Whether what runs now is there to clean up after a KeyboardInterrupt."""
    error = sys.exc_info()[1]
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__context__
    return error is not None
