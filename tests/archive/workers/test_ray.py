"""Workers on a Ray cluster of two nodes, both on this machine."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from importlib.util import find_spec

import pytest

if find_spec("ray") is None:  # not imported: it reads the environment when it is
    pytest.skip("ray is not installed: pip install 'nac-cli[archive]'", allow_module_level=True)

from nac_cli.archive import journal
from nac_cli.archive.archiving import Archiving
from nac_cli.archive.journal import Crashed, Done
from nac_cli.archive.library import archive, survey
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.places.place import LOCK
from nac_cli.archive.places.store import Store
from nac_cli.archive.places.visibility import RequiresVisible
from nac_cli.archive.workers import ray_pool
from nac_cli.archive.workers.pool import Finished, Progressed, Refused
from nac_cli.archive.workers.ray_cluster import QUIET
from nac_cli.archive.workers.ray_pool import RayPool
from nac_cli.archive.workers.schedule import Crash, Task, perform_all
from nac_cli.errors import UsageError
from nac_cli.files import sha256_of
from tests.helpers.sounds import write_sound
from tests.helpers.works import Doubling

pytestmark = pytest.mark.ray
MEMORY = 80 << 20
"""Bytes for a node's objects: the least that Ray takes."""


@pytest.fixture(scope="module")
def cluster(models):
    """Two nodes of one CPU each."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**QUIET, "NAC_MODELS": str(models)}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "object_store_memory": MEMORY, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        cluster.add_node(num_cpus=1, object_store_memory=MEMORY)
        yield cluster
        cluster.shutdown()


@pytest.fixture
def hire(cluster):
    """Makes pools that are closed in the end."""
    pools = []

    def hire(work, size: int | None = None) -> RayPool:
        pools.append(RayPool(work, size, address=cluster.address, device="cpu"))
        return pools[-1]

    yield hire
    for pool in pools:
        pool.close()


def test_tasks_are_done_and_workers_that_die_replaced(hire, capfd):
    handler = signal.getsignal(signal.SIGTERM)
    pool = hire(Doubling())
    assert pool.size == 2 and signal.getsignal(signal.SIGTERM) == handler
    tasks = [Task(payload, 1) for payload in (*range(30), "word", "die", "raise", *range(30))]
    events = list(perform_all(tasks, pool))
    finished = {event.task: event.value for event in events if isinstance(event, Finished)}
    crashes = [event for event in events if isinstance(event, Crash)]
    assert len(finished) == 62 and 31 not in finished
    assert all(finished[n] == 2 * tasks[n].payload for n in finished if isinstance(tasks[n].payload, int))
    assert finished[30].exit_code == 3 and "on purpose" in finished[32].message
    assert [crash.alone for crash in crashes if crash.given_up] == [True] and {
        c.task for c in crashes if c.given_up
    } == {31}
    assert any(isinstance(event, Progressed) for event in events)
    assert all("worker process has died" in crash.reason for crash in crashes)
    pool.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("wrong", "code", "said"), [("refuse", 7, "node .*: no such model"), ("die", 1, "before they begin")]
)
def test_work_that_cannot_begin(hire, wrong, code, said):
    pool = hire(Doubling(wrong))
    with pytest.raises(Refused, match=said) as error:
        list(perform_all([Task(1, 1)], pool))
    assert error.value.exit_code == code


def test_places_that_other_processes_do_not_see(hire, tmp_path):
    place = Store(f"memory://{tmp_path.name}")
    with place.claim():
        pool = hire(RequiresVisible(Doubling(), ((place, place.stat(LOCK)),)))
        with pytest.raises(Refused, match="memory://.* is not visible") as error:
            list(perform_all([Task(1, 1)], pool))
    assert error.value.exit_code == UsageError.exit_code


def test_more_workers_than_there_is_room_for(hire, monkeypatch):
    monkeypatch.setattr(ray_pool, "ROOM_SECONDS", 1.0)
    pool = hire(Doubling(), 3)
    finished = [event for event in perform_all([Task(n, 1) for n in range(50)], pool) if isinstance(event, Finished)]
    assert sorted(event.task for event in finished) == list(range(50))


def test_no_room_at_all(cluster, monkeypatch):
    monkeypatch.setattr(ray_pool, "NO_WORKER_SECONDS", 1.0)
    pool = RayPool(Doubling(), 1, address=cluster.address, device="cpu", threads=1000)
    try:
        with pytest.raises(Refused, match="no node .*1000 CPUs"):
            list(perform_all([Task(1, 1)], pool))
    finally:
        pool.close()
    with pytest.raises(UsageError, match="no GPU"):
        RayPool(Doubling(), address=cluster.address, device="cuda")


def test_a_library_while_a_node_is_lost(cluster, hire, run, library, settings, tmp_path):
    for number in range(30):
        write_sound(library / f"{number:02}.wav", seconds=0.3, channels=1)
    run(tmp_path / "here")
    source, target = Folder(library), Folder(tmp_path / "archive")
    lost = []

    def watch(job, event):
        node = cluster.list_all_nodes()[-1]
        busy = [
            worker.batch for worker in pool._workers if worker.node and worker.node.id == node.node_id and worker.batch
        ]
        if isinstance(event, Done) and not lost and any(job in batch.values() for batch in busy):
            lost.append(node)
            cluster.remove_node(node, allow_graceful=False)

    with target.claim():
        found = survey(source, target, settings)
        work = RequiresVisible(Archiving(source, target, settings, threads=1), ((target, target.stat(LOCK)),))
        pool = hire(work)
        began = time.monotonic()
        tally = archive(source, target, settings, found, pool, watch)
        assert time.monotonic() - began < 60
    assert lost and (tally.done, tally.failed) == (34, [])
    here, there = journal.read(Folder(tmp_path / "here")).last, journal.read(target).last
    assert {path: entry.sha256 for path, entry in there.items()} == {path: entry.sha256 for path, entry in here.items()}
    assert all(sha256_of(target.root / entry.target).hex() == entry.sha256 for entry in there.values())
    lines = target.records(journal.JOURNAL).splitlines()
    told = Counter(type(journal._entry(line)).__name__ for line in lines)
    assert told["Done"] == 34 and told["Crashed"] == tally.crashes
    assert len(survey(source, target, settings).plan.jobs) == 0
    assert {os.path.basename(path) for path in there} == {path.name for path in library.rglob("*.wav")}
    assert all(isinstance(entry, Done) and not isinstance(entry, Crashed) for entry in there.values())


@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "127.0.0.1:9", "no such place"])
def test_no_cluster_there(address):
    with pytest.raises(UsageError, match="ray start --head"):
        RayPool(Doubling(), address=address)
