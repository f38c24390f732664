"""Local trees: what is found, how it is written."""

from __future__ import annotations

import os

import pytest

from nac_cli.archive.journal import JOURNAL
from nac_cli.archive.places.folder import UNFINISHED, Folder
from nac_cli.archive.places.place import PRIVATE, checked
from nac_cli.errors import AudioError, CorruptStream, UsageError


def walked(folder: Folder, **options) -> tuple[set[str], dict[str, str]]:
    skipped: dict[str, str] = {}
    return {found.path for found in folder.walk(skipped.__setitem__, **options)}, skipped


def test_every_file_is_found_whatever_its_name(tmp_path):
    names = [
        "plain",
        "two words",
        "-dash",
        "new\nline",
        "\u00fcml\u00e4ut",
        os.fsdecode(b"latin-\xe9"),
        ".hidden",
        "d/d/d/deep",
    ]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"1")
    assert walked(Folder(tmp_path)) == (set(names), {})


def test_sizes_and_times_are_those_of_the_files(tmp_path):
    (tmp_path / "x").write_bytes(b"12345")
    os.utime(tmp_path / "x", ns=(1, 1_700_000_000_123_456_789))
    (found,) = Folder(tmp_path).walk(lambda path, reason: None)
    assert (found.size, found.mtime_ns) == (5, 1_700_000_000_123_456_789)
    assert Folder(tmp_path).stat("x") == found and Folder(tmp_path).stat("y") is None
    assert Folder(tmp_path).stat("x/y") is None


def test_links_are_skipped_unless_followed_and_loops_end(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "x").write_bytes(b"1")
    (tmp_path / "l").symlink_to("d/x")
    (tmp_path / "d" / "up").symlink_to("..")
    (tmp_path / "broken").symlink_to("nowhere")
    found, skipped = walked(Folder(tmp_path))
    assert found == {"d/x"} and set(skipped) == {"l", "d/up", "broken"}
    found, skipped = walked(Folder(tmp_path), follow_links=True)
    assert found == {"d/x", "l"} and set(skipped) == {"d/up/", "broken"}


def test_what_is_no_regular_file_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert walked(Folder(tmp_path)) == (set(), {"pipe": "not a regular file"})


def test_the_private_folder_is_no_part_of_a_library(tmp_path):
    (tmp_path / PRIVATE).mkdir()
    (tmp_path / PRIVATE / "journal.jsonl").write_bytes(b"1")
    (tmp_path / "sub" / PRIVATE).mkdir(parents=True)
    (tmp_path / "sub" / PRIVATE / "x").write_bytes(b"1")
    assert walked(Folder(tmp_path))[0] == {f"sub/{PRIVATE}/x"}


def test_a_missing_library_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        list(Folder(tmp_path / "none").walk(lambda path, reason: None))


def test_writing_takes_its_place_at_the_end_with_its_time(tmp_path):
    folder = Folder(tmp_path)
    with folder.writing("a/b/x", 1_600_000_000_000_000_001) as place:
        place.write_bytes(b"new")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a/b/x").read_bytes() == b"new"
    assert (tmp_path / "a/b/x").stat().st_mtime_ns == 1_600_000_000_000_000_001
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_failed_writing_leaves_what_was_there(tmp_path):
    folder = Folder(tmp_path)
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), folder.writing("x", 0) as place:
        place.write_bytes(b"half")
        raise ZeroDivisionError
    assert (tmp_path / "x").read_bytes() == b"old" and list((tmp_path / UNFINISHED).iterdir()) == []


def test_what_killed_processes_left_is_discarded(tmp_path):
    folder = Folder(tmp_path)
    with pytest.raises(FileNotFoundError), folder.writing("x", 0) as place:
        place.write_bytes(b"half")
        os.rename(place, place.with_name("left"))  # as if nobody had been there to remove it
    assert (tmp_path / UNFINISHED / "left").exists()
    folder.discard_unfinished()
    assert list((tmp_path / UNFINISHED).iterdir()) == []


def test_lines_are_appended_and_a_torn_one_stays_alone(tmp_path):
    folder = Folder(tmp_path)
    assert folder.records("log") == b""
    folder.append("log", b"one\n")
    with open(tmp_path / "log", "ab") as file:
        file.write(b'{"torn')
    folder.append("log", b"two\n")
    assert folder.records("log") == b'one\n{"torn\ntwo\n'


def test_two_runs_on_one_archive_are_refused(tmp_path):
    refused = pytest.raises(UsageError, match="another nac")
    with Folder(tmp_path).claim(), refused, Folder(tmp_path).claim():
        pass
    with Folder(tmp_path).claim():
        pass


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "x\0y", "a/"])
def test_paths_that_lead_out_are_refused(path):
    with pytest.raises(CorruptStream):
        checked(path)


@pytest.mark.parametrize("path", ["x", "a/b", "..x/y..", "-", "a\nb", " "])
def test_paths_inside_are_taken(path):
    assert checked(path) == path


@pytest.fixture
def outside(tmp_path):
    """A folder beside the place, with a file in it."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious").write_bytes(b"1")
    return folder


@pytest.mark.parametrize("link", [PRIVATE, UNFINISHED, f"{PRIVATE}/lock", f"{PRIVATE}/journal.jsonl"])
def test_links_where_nac_works_are_refused_and_nothing_behind_them_is_touched(tmp_path, outside, link):
    """An archive of a stranger could have them, to have files of its reader removed or written to."""
    place = Folder(tmp_path / "place")
    (place.root / link).parent.mkdir(parents=True)
    (place.root / link).symlink_to(outside if link in (PRIVATE, UNFINISHED) else outside / "precious")
    with pytest.raises(AudioError, match="is a symbolic link"), place.claim():
        place.discard_unfinished()
        place.append(JOURNAL, b"a line\n")
    with pytest.raises(AudioError, match="is a symbolic link"), place.claim(), place.writing("x", 0) as path:
        path.write_bytes(b"2")
        place.append(JOURNAL, b"a line\n")
    assert [path.name for path in outside.iterdir()] == ["precious"] and (outside / "precious").read_bytes() == b"1"


def test_nothing_is_written_through_a_linked_folder(tmp_path, outside):
    place = Folder(tmp_path / "place")
    place.root.mkdir()
    (place.root / "album").symlink_to(outside)
    with pytest.raises(AudioError, match="album: is a symbolic link"), place.writing("album/precious", 0) as path:
        path.write_bytes(b"2")
    assert (outside / "precious").read_bytes() == b"1"
    assert place.stat("album/precious").size == 1 and place.stat("album/precious", follow_links=False) is None


def test_a_link_in_the_place_of_a_file_is_replaced_itself(tmp_path, outside):
    place = Folder(tmp_path / "place")
    place.root.mkdir()
    (place.root / "x").symlink_to(outside / "precious")
    with place.writing("x", 0) as path:
        path.write_bytes(b"2")
    assert not (place.root / "x").is_symlink() and (outside / "precious").read_bytes() == b"1"
