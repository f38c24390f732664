"""A pool of real processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nac_cli.archive.workers.pool import Finished, Progressed, Refused
from nac_cli.archive.workers.processes import ProcessPool
from nac_cli.archive.workers.schedule import Crash, Task, perform_all
from nac_cli.failures import Failure
from tests.helpers.works import Doubling

ROOT = Path(__file__).parents[3]
DOUBLING = Doubling()


@pytest.fixture
def perform():
    """What comes of payloads, by number, and the crashes on the way."""
    pools = []

    def perform(*payloads: object, workers: int = 2, work: Doubling = DOUBLING):
        pools.append(ProcessPool(work, workers))
        events = list(perform_all([Task(payload, 1) for payload in payloads], pools[-1]))
        finished = {event.task: event.value for event in events if isinstance(event, Finished)}
        return finished, [event for event in events if isinstance(event, Crash)], events

    yield perform
    for pool in pools:
        pool.close()


def test_results_failures_and_progress(perform):
    finished, crashes, events = perform(1, 2, "x", 4)
    assert finished == {0: 2, 1: 4, 2: Failure("no number", 3), 3: 8} and not crashes
    assert any(isinstance(event, Progressed) and (event.done, event.whole) == (1.0, 2.0) for event in events)


def test_workers_that_die_are_replaced(perform):
    finished, crashes, _ = perform(1, "die", 3, 4, 5, workers=1)
    assert finished == {0: 2, 2: 6, 3: 8, 4: 10}
    assert crashes[-1] == Crash(1, alone=True, given_up=True, reason="killed by SIGKILL")


def test_an_unforeseen_error_is_that_of_the_rest_of_its_batch(perform):
    finished, crashes, _ = perform(1, "raise", 3, *range(16), workers=1)
    assert finished[0] == 2 and not crashes
    assert "ZeroDivisionError: on purpose" in finished[1].message and finished[1].exit_code == 1
    assert finished[2] == finished[1] and finished[18] == 30, "the next batch is done"


def test_work_that_cannot_be_opened_ends_everything(perform):
    with pytest.raises(Refused, match="no such model") as caught:
        perform(1, work=Doubling("refuse"))
    assert caught.value.exit_code == 7
    with pytest.raises(Refused, match="end before they begin .exit code 3"):
        perform(1, work=Doubling("die"))


def test_ctrl_c_is_nothing_to_a_worker_that_has_just_been_started(perform, monkeypatch, capfd):
    start = multiprocessing.process.BaseProcess.start

    started = []

    def start_and_interrupt(process):
        start(process)
        started.append(process)
        os.kill(process.pid, signal.SIGINT)

    monkeypatch.setattr(multiprocessing.process.BaseProcess, "start", start_and_interrupt)
    finished, crashes, _ = perform(1, 2)
    assert finished == {0: 2, 1: 4} and not crashes
    assert len(started) == 2, "none was replaced"
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def test_workers_end_with_the_process_that_started_them(tmp_path):
    script = tmp_path / "owner.py"
    script.write_text(
        "import multiprocessing, os, time\n"
        "from nac_cli.archive.workers.processes import ProcessPool\n"
        "from tests.helpers.works import Doubling\n"
        "if __name__ == '__main__':\n"
        "    pool = ProcessPool(Doubling(), 2)\n"
        "    pool.send(0, {0: 'sleep'})\n"
        "    while not any(True for _ in pool.events()): pass\n"
        "    print(*(child.pid for child in multiprocessing.active_children()), flush=True)\n"
        "    time.sleep(600)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    owner = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment)
    workers = [int(pid) for pid in owner.stdout.readline().split()]
    assert len(workers) == 2 and all(map(_runs, workers))
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    deadline = time.monotonic() + 60
    while any(map(_runs, workers)):
        assert time.monotonic() < deadline, "workers are still there"
        time.sleep(0.05)


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # nobody may be there to bury it
