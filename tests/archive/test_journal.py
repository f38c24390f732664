"""The journal: lines and their sum."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.archive import journal
from nac_cli.archive.journal import JOURNAL, Copied, Crashed, Done, Failed, Planned, Run
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.places.place import PRIVATE, Found
from nac_cli.errors import CorruptStream, UnsupportedStream

DONE = Done(
    "a/\u00e9.wav",
    "a/\u00e9.nac",
    10,
    20,
    None,
    "00",
    441,
    44_100,
    2,
    99,
    "ff",
    "nac-44k",
    "aa",
    None,
    "s1",
    0.5,
    ("m",),
    "t",
)
FAILED = Failed("a/\u00e9.wav", "a/\u00e9.nac", 10, 20, "s1", "unreadable", 3, "t")


def crash(alone: bool, mtime_ns: int = 20) -> Crashed:
    return Crashed("a/\u00e9.wav", "a/\u00e9.nac", 10, mtime_ns, alone, "killed", "t")


@pytest.fixture
def place(tmp_path) -> Folder:
    (tmp_path / PRIVATE).mkdir()
    return Folder(tmp_path)


def test_no_journal_is_an_empty_one(tmp_path):
    assert journal.read(Folder(tmp_path / "none")) == journal.Ledger()


def test_what_was_appended_is_read(place):
    copied = Copied("c.jpg", "c.jpg", 1, 2, "aa", 1, "aa", "t")
    run = Run("t", "0.1.0", "host", "/music", "s1", {"bitrate": 6000})
    journal.append(place, [run, Planned("b\udce9.wav", "b\udce9.nac")])
    journal.append(place, [DONE, copied])
    ledger = journal.read(place)
    assert ledger.runs == [run] and ledger.unreadable == 0
    assert ledger.last == {DONE.path: DONE, "c.jpg": copied}
    assert ledger.targets == {DONE.path: DONE.target, "c.jpg": "c.jpg", "b\udce9.wav": "b\udce9.nac"}
    assert place.records(JOURNAL).isascii()


def test_the_last_word_counts(place):
    journal.append(place, [DONE, FAILED])
    assert journal.read(place).last == {FAILED.path: FAILED}
    journal.append(place, [DONE])
    assert journal.read(place).last == {DONE.path: DONE}


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(0, 2000))
def test_a_journal_cut_anywhere_loses_its_last_line_at_most(tmp_path_factory, cut):
    place = Folder(tmp_path_factory.mktemp("cut"))
    (place.root / PRIVATE).mkdir()
    entries = [Planned(f"{number}.wav", f"{number}.nac") for number in range(8)]
    journal.append(place, entries)
    data = place.records(JOURNAL)
    cut = min(cut, len(data))
    (place.root / JOURNAL).write_bytes(data[:cut])
    whole = data[:cut].count(b"\n")
    journal.append(place, [DONE])
    ledger = journal.read(place)
    read = list(ledger.targets)
    # a line that lacks nothing but its end may count
    assert read[:whole] == [entry.path for entry in entries[:whole]] and read[-1] == DONE.path
    assert len(read) - 1 + ledger.unreadable in (whole, whole + 1)


def test_a_file_that_ends_its_process_twice_once_alone_is_quarantined():
    found, ledger = Found("a/\u00e9.wav", 10, 20), journal.Ledger()
    ledger.add(crash(alone=False))
    assert ledger.suspicion(found) and not ledger.quarantined(found)
    ledger.add(crash(alone=True))
    assert ledger.quarantined(found)


def test_files_that_were_only_near_a_crash_are_not_quarantined():
    found, ledger = Found("a/\u00e9.wav", 10, 20), journal.Ledger()
    for _ in range(3):
        ledger.add(crash(alone=False))
    assert not ledger.quarantined(found)


def test_success_and_another_version_of_the_file_end_the_quarantine():
    found, ledger = Found("a/\u00e9.wav", 10, 20), journal.Ledger()
    ledger.add(crash(alone=True))
    ledger.add(crash(alone=True))
    assert not ledger.quarantined(Found(found.path, 10, 21)) and ledger.quarantined(found)
    ledger.add(DONE)
    assert not ledger.quarantined(found)


@pytest.mark.parametrize(
    "line",
    ["", "{", "[]", "3", '{"event": "done"}', '{"event": "what", "path": "x"}', '{"path": "x"}', "\udc80", "null"],
)
def test_lines_that_say_nothing_are_counted(place, line):
    journal.append(place, [DONE])
    place.append(JOURNAL, line.encode("utf-8", "surrogateescape") + b"\n")
    ledger = journal.read(place)
    assert ledger.last == {DONE.path: DONE} and ledger.unreadable == (1 if line else 0)


@pytest.mark.parametrize("path", ["../../etc/passwd", "/etc/passwd", "", 3])
@pytest.mark.parametrize("name", ["path", "target"])
def test_paths_that_lead_out_of_the_archive_are_refused(place, name, path):
    line = {"event": "planned", "path": "x.wav", "target": "x.nac", name: path}
    place.append(JOURNAL, json.dumps(line).encode() + b"\n")
    with pytest.raises(CorruptStream):
        journal.read(place)


def test_a_newer_journal_is_refused(place):
    journal.append(place, [Run("t", "9.0", "host", "/music", "s1", {}, journal=2)])
    with pytest.raises(UnsupportedStream, match="version 2"):
        journal.read(place)


def test_fields_of_newer_versions_are_no_harm(place):
    line = {"event": "planned", "path": "x.wav", "target": "x.nac", "colour": "blue"}
    place.append(JOURNAL, json.dumps(line).encode() + b"\n")
    assert journal.read(place).targets == {"x.wav": "x.nac"}
