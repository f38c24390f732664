"""A library is archived, verified, restored and exported by one call each."""

from __future__ import annotations

import subprocess
import sys

import pytest

import nac_cli
from nac_cli.archive.journal import Copied, Done, Failed
from nac_cli.archive.operations import plan_run
from nac_cli.archive.plan import Patterns
from nac_cli.archive.workers.pool import Progressed
from nac_cli.errors import UsageError
from tests.helpers.codecs import TINY
from tests.helpers.pools import LocalPool


@pytest.fixture
def here(monkeypatch):
    """Workers in this process."""
    from contextlib import contextmanager

    @contextmanager
    def at(self, work, tasks, visible=()):
        yield LocalPool(work)

    monkeypatch.setattr(nac_cli.Workers, "at", at)
    return nac_cli.Workers(device="cpu", threads=1)


OPTIONS = nac_cli.ArchiveOptions(TINY, planes=2, copy_others=True)


def test_there_and_back(library, tmp_path, here):
    told = []
    report = nac_cli.archive_library(library, tmp_path / "small", OPTIONS, here, lambda job, event: told.append(event))
    assert (report.tally.done, report.tally.copied, report.tally.failed) == (4, 1, []) and not report.survey.gone
    ends = [event for event in told if not isinstance(event, Progressed)]
    assert sorted(map(type, ends), key=str) == sorted([Done] * 4 + [Copied], key=str)
    assert not nac_cli.archive_library(library, tmp_path / "small", OPTIONS, here).survey.plan.jobs

    found = nac_cli.verify_archive(tmp_path / "small", "full", workers=here)
    assert (found.sound, found.bad, found.unknown, found.unreadable) == (5, [], [], 0)
    assert nac_cli.archive_status(tmp_path / "small").done == 4

    back = nac_cli.restore_archive(tmp_path / "small", tmp_path / "back", nac_cli.RestoreOptions("wav"), here)
    assert back.restoration.whole == 5
    names = sorted(str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*.*"))
    assert names == sorted(str(path.relative_to(library)) for path in library.rglob("*.*"))

    bag = nac_cli.export_archive(tmp_path / "small", tmp_path / "bag", info={"Contact-Name": "Ada"})
    assert bag.files == 6 and (tmp_path / "bag" / "manifest-sha256.txt").is_file()


def test_what_fails_is_in_the_report(library, tmp_path, here):
    (library / "broken.wav").write_bytes(b"no sound")
    report = nac_cli.archive_library(library, tmp_path / "small", OPTIONS, here)
    assert [(type(failed), failed.path) for failed in report.tally.failed] == [(Failed, "broken.wav")]
    (tmp_path / "small" / "a.nac").write_bytes(b"gone")
    (tmp_path / "small" / "mine.txt").write_bytes(b"")
    found = nac_cli.verify_archive(tmp_path / "small", workers=here)
    assert [path for path, _ in found.bad] == ["a.nac"] and found.unknown == ["mine.txt"]


def test_a_plan_writes_nothing(library, tmp_path, models):
    options = nac_cli.ArchiveOptions(TINY, patterns=Patterns(include=("album",), exclude=("disc 2",)))
    run = plan_run(library, tmp_path / "small", options)
    assert [job.path for job in run.survey.plan.jobs] == ["album/-c\n;.wav", "album/b.wav"]
    assert run.estimate().seconds == pytest.approx(0.3 + 0.5, abs=0.01) and not (tmp_path / "small").exists()


def test_what_contradicts_itself_is_refused(library, tmp_path):
    with pytest.raises(UsageError, match="not both"):
        nac_cli.archive_library(library, tmp_path / "small", nac_cli.ArchiveOptions(TINY, bitrate=6000, planes=2))
    with pytest.raises(UsageError, match="Ray"):
        nac_cli.Workers(address="auto")
    assert not (tmp_path / "small").exists()


def test_a_format_that_is_not_written_is_refused_before_anything_is(place, back):
    with pytest.raises(UsageError, match="does not write 'opus'"):
        nac_cli.restore_archive(place.root, back.root, nac_cli.RestoreOptions("opus"))
    assert not back.root.exists()


def test_a_script_with_processes_of_its_own(library, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import sys, nac_cli\n"
        "if __name__ == '__main__':\n"
        f"    options = nac_cli.ArchiveOptions({TINY!r}, planes=1)\n"
        "    workers = nac_cli.Workers(2, threads=1, device='cpu')\n"
        "    print(nac_cli.archive_library(sys.argv[1], sys.argv[2], options, workers).tally.done)\n"
    )
    command = [sys.executable, script, library, tmp_path / "small"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "4\n"
