"""Bags that other tools find valid, and from which the library comes back under its names."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import fields, replace

import bagit
import pytest

from nac_cli.archive import bag as bag_module
from nac_cli.archive import journal
from nac_cli.archive.bag import export_bag
from nac_cli.archive.inventory import take_inventory
from nac_cli.archive.journal import JOURNAL, Failed
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.status import status
from nac_cli.archive.verifying import Verifying, verify_kept
from nac_cli.errors import AudioError, CorruptStream, OutputExists, UsageError
from tests.archive.test_restoring import FLAC, paths, restored
from tests.helpers.libraries import BAD_UTF8, BROKEN, SIDECARS, SOUNDS
from tests.helpers.pools import LocalPool


@pytest.fixture
def target(tmp_path):
    (tmp_path / "out").mkdir()
    return tmp_path / "out" / "bag ü"


def left(target) -> list[str]:
    """What lies where the bag was to be, the bag aside."""
    return [name for name in os.listdir(target.parent) if name != target.name]


def test_it_is_valid_for_other_tools(place, target):
    made = export_bag(place, target, info={"Contact-Name": "Ada Lovelace"})
    found = bagit.Bag(str(target))
    assert found.validate() and found.version_info == (1, 0)
    assert found.info["Contact-Name"] == "Ada Lovelace"
    assert found.info["Payload-Oxum"] == f"{made.bytes}.{made.files}" and made.files == len(SOUNDS) + len(SIDECARS) + 1
    for name in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", name], cwd=target, check=True)
    assert left(target) == []


def test_names_that_tools_read_differently_are_others_in_the_bag(place, target, back):
    later = replace(take_inventory(place).ledger.files["b/50% ü.wav"], source_mtime_ns=7)
    values = {name.name: getattr(later, name.name) for name in fields(Failed) if hasattr(later, name.name)}
    journal.append(place, [Failed(**values, error="broken by now", exit_code=3)])
    made = export_bag(place, target)
    awkward = {
        BAD_UTF8.replace(".wav", ".nac"): "b/bad_.nac", "b/new\nline.nac": "b/new_line.nac",
        "b/50% ü.nac": "b/50_ ü.nac", "b/100%.txt": "b/100_.txt",
    }  # fmt: skip
    assert dict(made.renamed) == awkward
    inside = Folder(target / "data")
    assert paths(inside) == (paths(place) - awkward.keys()) | set(awkward.values())
    _, done = restored(inside, back)
    assert not done.failed and paths(back) == {*FLAC.values(), *SIDECARS}
    assert verify_kept(take_inventory(inside), LocalPool(Verifying(inside))).bad == []
    assert status(inside).done == status(place).done
    assert [entry.path for entry in status(inside).failed] == [BROKEN, "b/50% ü.wav"]


def test_other_names_do_not_collide(place, target):
    for name in ("100_.txt", "100_ (2).txt"):
        (place.root / "b" / name).write_bytes(b"there already")
    made = export_bag(place, target)
    assert dict(made.renamed)["b/100%.txt"] == "b/100_ (3).txt"
    assert bagit.Bag(str(target)).validate()


def test_names_that_differ_in_case_or_unicode_form_alone_are_told_apart(place, target):
    for name in ("\u00e9.txt", "e\u0301.txt", "E\u0301.TXT", " lead", "back\\slash", "*star", "#hash ~", "end "):
        (place.root / name).write_bytes(name.encode())
    made = export_bag(place, target)
    renamed = {path: name for path, name in made.renamed if "/" not in path}
    assert renamed == {"e\u0301.txt": "e\u0301 (2).txt", "\u00e9.txt": "\u00e9 (3).txt", "end ": "end_"}
    assert bagit.Bag(str(target)).validate()
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "manifest-sha256.txt"], cwd=target, check=True)


def test_files_are_links_where_that_can_be(place, target, monkeypatch):
    linked = export_bag(place, target)
    assert linked.linked == linked.files - 1 and (target / "data/SONG2.nac").samefile(place.root / "SONG2.nac")
    assert not (target / "data" / JOURNAL).samefile(place.root / JOURNAL)  # the archive's will be written to
    shutil.rmtree(target)
    assert export_bag(place, target, copy=True).linked == 0
    shutil.rmtree(target)

    def refuse(*args):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    assert export_bag(place, target).linked == 0 and bagit.Bag(str(target)).validate()
    assert not (target / "data/SONG2.nac").samefile(place.root / "SONG2.nac")
    assert (target / "data/SONG2.nac").stat().st_mtime_ns == (place.root / "SONG2.nac").stat().st_mtime_ns


def test_an_archive_that_is_not_as_its_journal_says_makes_no_bag(place, target):
    file = place.root / "a/cover.jpg"
    file.write_bytes(b"PICTURE")
    with pytest.raises(CorruptStream, match="a/cover.jpg: has changed"):
        export_bag(place, target)
    file.unlink()
    with pytest.raises(CorruptStream, match="a/cover.jpg: gone"):
        export_bag(place, target)
    assert os.listdir(target.parent) == []


def test_files_that_the_journal_does_not_know_come_along(place, target):
    (place.root / "README").write_bytes(b"about this archive")
    export_bag(place, target)
    assert (target / "data/README").read_bytes() == b"about this archive" and bagit.Bag(str(target)).validate()


def test_nothing_is_replaced_and_nothing_is_left_by_a_failure(place, target, monkeypatch):
    target.mkdir()
    with pytest.raises(OutputExists):
        export_bag(place, target)
    with pytest.raises(AudioError, match="make it first"):
        export_bag(place, target / "deep" / "bag")
    target.rmdir()

    def full(*args):
        raise OSError(28, "No space left on device", "somewhere")

    monkeypatch.setattr(bag_module.shutil, "copyfile", full)
    with pytest.raises(AudioError, match="No space left"):
        export_bag(place, target, copy=True)
    assert os.listdir(target.parent) == []


def test_an_archive_that_changes_meanwhile_makes_no_bag(place, target):
    def change(done, whole):
        place.append(JOURNAL, b"{}\n")

    with pytest.raises(AudioError, match="changed meanwhile"):
        export_bag(place, target, progress=change)
    assert os.listdir(target.parent) == []


@pytest.mark.parametrize("label, value", [("", "x"), ("a:b", "x"), (" a", "x"), ("a", "x\ny")])
def test_lines_of_bag_info_are_lines(place, target, label, value):
    with pytest.raises(UsageError):
        export_bag(place, target, info={label: value})
