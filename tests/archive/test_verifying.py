"""An archive is what its journal says, or each file that is not is named with what is wrong."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nac_cli.archive.inventory import take_inventory
from nac_cli.archive.plan import EVERYTHING, Patterns
from nac_cli.archive.verifying import LEVELS, Verification, Verifying, verify_kept
from nac_cli.errors import UsageError
from tests.helpers.libraries import RATE, SIDECARS, SOUNDS
from tests.helpers.pools import DeadlyPool, LocalPool
from tests.helpers.streams import damage_middle


def verified(place, level="full", patterns=EVERYTHING, pool=LocalPool) -> Verification:
    return verify_kept(take_inventory(place), pool(Verifying(place, level, "cpu", 1)), patterns)


def damage(file) -> None:
    file.write_bytes(damage_middle(file.read_bytes()))


@pytest.mark.parametrize("level", LEVELS)
def test_a_new_archive_is_sound(place, level):
    found = verified(place, level)
    assert (found.bad, found.sound) == ([], len(SOUNDS) + len(SIDECARS))
    assert found.seconds == pytest.approx(sum(round(seconds * RATE) for seconds, _ in SOUNDS.values()) / RATE)
    assert found.bytes == sum(file.size for file in place.walk(lambda path, reason: None))


@pytest.mark.parametrize("level", LEVELS)
def test_one_wrong_byte_is_found_at_every_level_and_only_there(place, level):
    damage(place.root / "a/take 1.nac")
    found = verified(place, level)
    ((path, failure),) = found.bad
    assert path == "a/take 1.nac" and failure.exit_code == 6
    assert failure.message.startswith("a/take 1.nac: has changed since it was archived")
    assert ("0.00 s to 0.40 s is lost" in failure.message) == (level in ("tokens", "full"))
    assert str(place.root) not in failure.message


def test_a_sidecar_that_changed_is_bad(place):
    (place.root / "a/cover.jpg").write_bytes(b"PICTURE")
    assert [path for path, _ in verified(place, "files").bad] == ["a/cover.jpg"]


def test_what_is_cut_off_or_gone_is_bad(place):
    (place.root / "SONG2.nac").write_bytes((place.root / "SONG2.nac").read_bytes()[:-1])
    (place.root / "song.wav.nac").unlink()
    bad = dict(verified(place, "files").bad)
    assert bad.keys() == {"SONG2.nac", "song.wav.nac"}
    assert "bytes, the journal says" in bad["SONG2.nac"].message
    assert (bad["song.wav.nac"].message, bad["song.wav.nac"].exit_code) == ("song.wav.nac: is gone from the archive", 3)


def test_a_sound_file_in_the_place_of_another_is_told_by_its_length(place):
    (place.root / "song.flac.nac").write_bytes((place.root / "song.wav.nac").read_bytes())
    ((path, failure),) = verified(place, "structure").bad
    assert path == "song.flac.nac"
    assert "holds 15435 samples of 2 channels at 22050 Hz, the journal says 11025, 2 and 22050" in failure.message


def test_without_its_model_a_file_is_sound_in_structure_alone(place, tmp_path, monkeypatch):
    monkeypatch.setenv("NAC_MODELS", str(tmp_path / "none"))
    assert not verified(place, "structure").bad
    assert {failure.exit_code for _, failure in verified(place, "tokens").bad} == {7}


def test_files_that_the_journal_does_not_know_are_told(place):
    (place.root / "b/stray.nac").write_bytes(b"?")
    assert take_inventory(place).unknown == ["b/stray.nac"]
    assert not verified(place, "files").bad


def test_patterns_choose_by_path_in_the_library(place):
    damage(place.root / "song.wav.nac")
    assert verified(place, "files", Patterns(exclude=("song.wav",))).bad == []
    assert len(verified(place, "files", Patterns(include=("song.wav",))).bad) == 1


def test_a_file_that_ends_workers_is_bad_and_the_others_are_checked(place):
    def pool(work):
        return DeadlyPool(work, lambda entry: entry.path == "song.wav")

    found = verified(place, "files", pool=pool)
    ((path, failure),) = found.bad
    assert path == "song.wav.nac" and "ended twice (killed by SIGSEGV)" in failure.message
    assert found.sound == len(SOUNDS) + len(SIDECARS) - 1


def test_progress_of_each_file_is_told(place):
    told = []
    work = Verifying(place, "full", "cpu", 1)
    verify_kept(take_inventory(place), LocalPool(work), watch=lambda entry, event: told.append(entry.path))
    assert set(told) == SOUNDS.keys() | SIDECARS.keys()


def test_a_folder_that_is_no_archive_is_refused(tmp_path):
    from nac_cli.archive.places.folder import Folder

    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(UsageError, match="is no archive"):
            take_inventory(Folder(folder))


def test_checking_structure_needs_no_torch(place):
    code = (
        "import sys; from nac_cli.archive.places.opening import open_place; from nac_cli.archive.verifying import *\n"
        "from nac_cli.archive.inventory import take_inventory; from tests.helpers.pools import LocalPool\n"
        "place = open_place(sys.argv[1]); found = verify_kept(take_inventory(place), LocalPool(Verifying(place)))\n"
        "print(found.sound, 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code, place.root], capture_output=True, text=True, check=True).stdout
    assert out.split() == [str(len(SOUNDS) + len(SIDECARS)), "False"]
