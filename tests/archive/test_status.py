"""What an archive's journal adds up to."""

from __future__ import annotations

import subprocess
import sys

import pytest

from nac_cli.archive import journal
from nac_cli.archive.journal import Crashed, Failed, Planned
from nac_cli.archive.status import gist, status
from tests.helpers.libraries import BROKEN, RATE, SIDECARS, SOUNDS


def test_a_new_archive(place, mixed):
    found = status(place)
    assert (found.done, found.copied, len(found.runs)) == (len(SOUNDS), len(SIDECARS), 1)
    assert [entry.path for entry in found.failed] == [BROKEN]
    assert (found.quarantined, found.pending, found.missing, found.unknown, found.unreadable) == ((), (), (), (), 0)
    assert found.source_bytes == sum((mixed / path).stat().st_size for path in (*SOUNDS, *SIDECARS))
    sounds = [file.size for file in place.walk(lambda path, reason: None) if file.path.endswith(".nac")]
    assert found.seconds == pytest.approx(sum(round(seconds * RATE) for seconds, _ in SOUNDS.values()) / RATE)
    assert found.bitrate == pytest.approx(8 * sum(sounds) / found.seconds)


def test_what_is_not_as_it_should_be(place):
    crash = Crashed("x.wav", "x.nac", 5, 6, False, "killed by SIGKILL", "now")
    alone = Crashed("x.wav", "x.nac", 5, 6, True, "killed by SIGKILL", "now")
    journal.append(place, [Planned("y.wav", "y.nac"), crash, alone])
    place.append(journal.JOURNAL, b'{"event": "do')
    (place.root / "song.wav.nac").unlink()
    (place.root / "SONG2.nac").write_bytes(b"cut")
    (place.root / "stray.txt").write_bytes(b"?")
    found = status(place)
    assert (found.quarantined, found.pending) == (("x.wav",), ("x.wav", "y.wav"))
    assert (found.missing, found.unknown) == (("SONG2.nac", "song.wav.nac"), ("stray.txt",))
    assert found.unreadable == 1 and found.done == len(SOUNDS)


def test_failures_are_grouped_by_what_is_not_the_files_own(place):
    errors = {
        "a/1.wav": "music/a/1.wav: cut off at byte 17", "2.wav": "/x/2.wav: cut off at byte 4",
        "3.wav": "3.wav: is empty",
    }  # fmt: skip
    journal.append(place, [Failed(path, path, 1, 1, "s", error, 3, "now") for path, error in errors.items()])
    assert [(reason, count) for _, reason, count in status(place).reasons][0] == ("cut off at byte N", 2)
    assert gist("no name in it: 1.5 s", "a.wav") == "no name in it: N s"


def test_it_is_light(place):
    code = (
        "import sys; from nac_cli.archive.places.opening import open_place; from nac_cli.archive.status import status\n"
        "print(status(open_place(sys.argv[1])).done, 'torch' in sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code, place.root], capture_output=True, text=True, check=True).stdout
    assert out.split() == [str(len(SOUNDS)), "False"]
