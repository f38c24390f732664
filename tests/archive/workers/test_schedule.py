"""Every task exactly once, whatever workers die over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.archive.workers.pool import Event, Exited, Finished, Idle, Progressed
from nac_cli.archive.workers.schedule import BATCH_BYTES, Crash, Task, perform_all


class ScriptedPool:
    """Workers that finish their batches task by task, exit over tasks with the payload "die", and, for the first
    `failed_starts` batches, before they begin."""

    def __init__(self, size: int, failed_starts: int = 0):
        self.size, self.failed_starts = size, failed_starts
        self.batches: list[dict[int, Any]] = []
        self._busy: dict[int, dict[int, Any]] = {}

    def send(self, worker: int, batch: Mapping[int, Any]) -> None:
        assert worker not in self._busy and batch, "only idle workers get tasks"
        self._busy[worker] = dict(batch)
        self.batches.append(dict(batch))

    def events(self) -> Iterator[Event]:
        for worker in list(self._busy):
            batch = self._busy[worker]
            if self.failed_starts:
                self.failed_starts -= 1
                del self._busy[worker]
                yield Exited(worker, "early", begun=False)
            elif not batch:
                del self._busy[worker]
                yield Idle(worker)
            else:
                number = next(iter(batch))
                if batch.pop(number) == "die":
                    del self._busy[worker]
                    yield Exited(worker, "killed", begun=True)
                else:
                    yield Progressed(worker, number, 1.0, 2.0)
                    yield Finished(worker, number, number)

    def close(self) -> None:
        pass


def performed(tasks: list[Task], pool: ScriptedPool) -> tuple[Counter, list[Crash]]:
    events = list(perform_all(tasks, pool))
    finished = Counter(event.task for event in events if isinstance(event, Finished))
    return finished, [event for event in events if isinstance(event, Crash)]


@given(
    deadly=st.lists(st.booleans(), max_size=60), workers=st.integers(1, 5), failed_starts=st.integers(0, 4),
    crashed=st.sets(st.integers(0, 59)),
)  # fmt: skip
def test_all_that_can_be_done_is_done_once(deadly, workers, failed_starts, crashed):
    tasks = [Task("die" if bad else "", 1, int(number in crashed)) for number, bad in enumerate(deadly)]
    finished, crashes = performed(tasks, ScriptedPool(workers, failed_starts))
    assert finished == Counter(number for number, bad in enumerate(deadly) if not bad)
    given_up = Counter(crash.task for crash in crashes if crash.given_up)
    assert given_up == Counter(number for number, bad in enumerate(deadly) if bad)
    assert all(crash.alone for crash in crashes if crash.given_up), "nobody is given up for what another may have done"


def test_a_deadly_file_ends_two_workers_and_no_more():
    _, crashes = performed([Task("", 1) for _ in range(20)] + [Task("die", 1)], ScriptedPool(1))
    assert [crash.given_up for crash in crashes if crash.task == 20] == [False, True]
    _, crashes = performed([Task("die", 1, crashes=1)], ScriptedPool(1))
    assert [crash.given_up for crash in crashes] == [True], "a crash of an earlier run counts"


def test_what_a_worker_has_exited_over_is_sent_as_such():
    pool = ScriptedPool(1)
    tasks = [Task("die", 1), Task("", 1), Task("old", 1, crashes=1)]
    list(perform_all(tasks, pool, lambda payload: f"{payload} again"))
    assert pool.batches[0] == {0: "die", 1: ""}
    assert sorted(payload for batch in pool.batches[1:] for payload in batch.values()) == [
        " again", "die again", "old again",
    ]  # fmt: skip


def test_nothing_is_held_against_tasks_of_a_worker_that_never_began():
    finished, crashes = performed([Task("", 1) for _ in range(5)], ScriptedPool(2, failed_starts=2))
    assert len(finished) == 5 and not crashes


def test_batches_are_bounded_in_number_and_bytes_and_get_smaller():
    pool = ScriptedPool(2)
    performed([Task("", 1) for _ in range(100)], pool)
    sizes = [len(batch) for batch in pool.batches]
    assert max(sizes) == 16 and sizes[-1] == 1 and sum(sizes) == 100
    pool = ScriptedPool(1)
    performed([Task("", BATCH_BYTES // 3) for _ in range(20)] + [Task("", 5 * BATCH_BYTES)] * 2, pool)
    assert max(map(len, pool.batches)) == 3 and [len(batch) for batch in pool.batches[-2:]] == [1, 1]


def test_long_tasks_come_first_and_the_others_in_order():
    sizes = [10] * 10 + [400] + [10] * 10 + [900]
    pool = ScriptedPool(2)
    performed([Task("", size) for size in sizes], pool)
    order = [number for batch in pool.batches for number in batch]
    assert order == [21, 10, *range(10), *range(11, 21)]
    pool = ScriptedPool(1)
    performed([Task("", size) for size in sizes], pool)
    assert [number for batch in pool.batches for number in batch] == list(range(22)), "one worker has no need of it"


def test_suspects_are_done_alone():
    pool = ScriptedPool(1)
    performed([Task("", 1, crashes=number % 2) for number in range(40)], pool)
    assert all(len(batch) == 1 for batch in pool.batches if any(number % 2 for number in batch))


@pytest.mark.parametrize("workers", [1, 3])
def test_nothing_to_do(workers):
    assert list(perform_all([], ScriptedPool(workers))) == []
