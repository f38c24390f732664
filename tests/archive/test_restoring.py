"""What was archived comes back, where it was and as it was; nothing else is touched."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest
import soundfile

from nac_cli.archive.inventory import take_inventory
from nac_cli.archive.journal import JOURNAL
from nac_cli.archive.places.folder import Folder
from nac_cli.archive.plan import Patterns
from nac_cli.archive.restoring import (
    Restoration,
    Restored,
    RestorePlan,
    Restoring,
    plan_restore,
    restore,
    tidy,
)  # fmt: skip
from nac_cli.archive.verifying import Verifying
from nac_cli.audio import read_tags
from nac_cli.errors import CorruptStream, OutputExists, UsageError
from tests.helpers.codecs import TINY, write_tiny_lm
from tests.helpers.libraries import BAD_UTF8, COVER, RATE, SIDECARS, SOUNDS, TAGS, make_archive
from tests.helpers.pools import LocalPool, MutePool
from tests.helpers.streams import damage_middle

FLAC = {
    "song.flac": "song.flac", "song.wav": "song.wav.flac", "SONG2.WAV": "SONG2.flac", "a/take 1.mp3": "a/take 1.flac",
    "a/loud.ogg": "a/loud.flac", BAD_UTF8: BAD_UTF8.replace(".wav", ".flac"), "b/new\nline.wav": "b/new\nline.flac",
    "b/50% ü.wav": "b/50% ü.flac",
}  # fmt: skip
"""What sounds are called when they are restored as FLAC."""


def plan_of(place, back, format="flac", **options) -> RestorePlan:
    with back.claim():
        back.discard_unfinished()
        return plan_restore(take_inventory(place), back, format, **options)


def restored(place, back, format="flac", force=False, bits=None, **options) -> tuple[RestorePlan, Restoration]:
    plan = plan_of(place, back, format, force=force, **options)
    return plan, restore(plan, LocalPool(Restoring(place, back, format, bits, force=force, device="cpu", threads=1)))


def paths(place) -> set[str]:
    return {found.path for found in place.walk(lambda path, reason: None)}


def test_everything_is_back_with_length_rate_channels_tags_and_times(place, back, mixed):
    plan, done = restored(place, back)
    assert (done.whole, done.damaged, done.failed) == (len(SOUNDS) + len(SIDECARS), [], [])
    assert paths(back) == {*FLAC.values(), *SIDECARS}
    for path, output in FLAC.items():
        sound = soundfile.info(os.fsencode(back.root / output))
        seconds, channels = SOUNDS[path]
        assert (sound.frames, sound.channels, sound.samplerate) == (round(seconds * RATE), channels, RATE)
        assert sound.format == "FLAC"
    for path, output in {**FLAC, **{path: path for path in SIDECARS}}.items():
        assert (back.root / output).stat().st_mtime_ns == (mixed / path).stat().st_mtime_ns
    for path, data in SIDECARS.items():
        assert (back.root / path).read_bytes() == data
    tags = read_tags(back.root / "song.flac")
    assert set(TAGS.items) <= set(tags.items) and [(p.type, p.data) for p in tags.pictures] == [(3, COVER.data)]
    assert [(piece.entry.path, piece.output) for piece in plan.renamed] == [("song.wav", "song.wav.flac")]


def test_names_that_fit_the_format_stay_as_they_are(place, back):
    restored(place, back, "wav", bits=32)
    assert paths(back) == {
        "song.wav", "song.flac.wav", "SONG2.WAV", "a/take 1.wav", "a/loud.wav", BAD_UTF8, "b/new\nline.wav",
        "b/50% ü.wav", *SIDECARS,
    }  # fmt: skip
    assert soundfile.info(back.root / "song.wav").subtype == "FLOAT"


def test_a_second_time_leaves_all_alone(place, back):
    restored(place, back)
    before = {path: (back.root / path).stat().st_ino for path in paths(back)}
    plan, _ = restored(place, back)
    assert (plan.pieces, plan.in_the_way) == ((), ()) and len(plan.present) == len(before)
    assert {path: (back.root / path).stat().st_ino for path in paths(back)} == before


def test_what_a_kill_left_undone_is_done_the_next_time(place, back):
    restored(place, back)
    (back.root / "song.flac").unlink()
    (back.root / "a/cover.jpg").unlink()
    (back.root / ".nac/unfinished").mkdir(exist_ok=True)
    (back.root / ".nac/unfinished/0123").write_bytes(b"half a file")
    plan, done = restored(place, back)
    assert {piece.output for piece in plan.pieces} == {"song.flac", "a/cover.jpg"} and done.whole == 2
    tidy(back)
    assert paths(back) == {*FLAC.values(), *SIDECARS} and not (back.root / ".nac").exists()


def test_what_a_worker_wrote_but_did_not_tell_is_written_again(place, back):
    done = restore(plan_of(place, back), MutePool(Restoring(place, back, device="cpu", threads=1)))
    assert (done.whole, done.failed) == (len(SOUNDS) + len(SIDECARS), [])
    assert paths(back) == {*FLAC.values(), *SIDECARS}


def test_other_files_are_replaced_only_by_force(place, back):
    for path in ("song.flac", "a/cover.jpg"):
        (back.root / path).parent.mkdir(parents=True, exist_ok=True)
        (back.root / path).write_bytes(b"mine")
    plan, done = restored(place, back)
    assert {piece.output for piece in plan.in_the_way} == {"song.flac", "a/cover.jpg"}
    assert (back.root / "song.flac").read_bytes() == (back.root / "a/cover.jpg").read_bytes() == b"mine"
    assert done.whole == len(SOUNDS) + len(SIDECARS) - 2
    plan, done = restored(place, back, force=True)
    assert not plan.in_the_way and done.whole == 2
    assert soundfile.info(back.root / "song.flac").frames == round(SOUNDS["song.flac"][0] * RATE)


@pytest.mark.parametrize("path", ["song.flac", "a/cover.jpg"])
def test_a_file_of_another_length_is_not_taken_for_the_whole(place, back, path):
    restored(place, back)
    file, status = back.root / path, (back.root / path).stat()
    if path == "song.flac":
        soundfile.write(file, soundfile.read(file)[0][1:], RATE)
    else:
        file.write_bytes(file.read_bytes()[1:])
    os.utime(file, ns=(status.st_mtime_ns, status.st_mtime_ns))
    plan, _ = restored(place, back, force=True)
    assert [piece.output for piece in plan.pieces] == [path] and file.stat().st_size == status.st_size


def test_a_file_that_comes_meanwhile_is_not_replaced(place, back):
    plan = plan_of(place, back, patterns=Patterns(("song.flac",)))
    back.root.mkdir(exist_ok=True)
    (back.root / "song.flac").write_bytes(b"mine")
    ((_, failure),) = restore(plan, LocalPool(Restoring(place, back, device="cpu"))).failed
    assert failure.exit_code == 9 and (back.root / "song.flac").read_bytes() == b"mine"


def test_of_a_damaged_file_the_rest_is_back_and_it_is_not_taken_for_whole(place, back):
    file = place.root / "a/take 1.nac"
    sound = file.read_bytes()
    file.write_bytes(damage_middle(sound))
    _, done = restored(place, back)
    ((piece, result),) = done.damaged
    assert (piece.output, result.exit_code) == ("a/take 1.flac", 4)
    assert result.damage[0].startswith("0.00 s to 0.40 s is lost") and done.whole == len(SOUNDS) + len(SIDECARS) - 1
    assert soundfile.info(back.root / "a/take 1.flac").frames == round(0.4 * RATE)
    assert time.time() - (back.root / "a/take 1.flac").stat().st_mtime < 600
    plan, _ = restored(place, back)
    assert [piece.output for piece in plan.in_the_way] == ["a/take 1.flac"]
    file.write_bytes(sound)
    plan, done = restored(place, back, force=True)
    assert len(plan.pieces) == done.whole == 1


def test_a_damaged_sidecar_is_back_and_told(place, back):
    (place.root / "a/cover.jpg").write_bytes(b"PICTURE")
    _, done = restored(place, back)
    assert [piece.output for piece, _ in done.damaged] == ["a/cover.jpg"]
    assert (back.root / "a/cover.jpg").read_bytes() == b"PICTURE"


def test_another_sound_in_the_place_of_a_file_is_not_taken_for_it(place, back):
    (place.root / "song.flac.nac").write_bytes((place.root / "song.wav.nac").read_bytes())
    ((piece, result),) = restored(place, back)[1].damaged
    assert piece.output == "song.flac" and "the journal says 11025, 2 and 22050" in result.damage[0]


def test_files_that_cannot_be_restored_fail_alone(place, back):
    (place.root / "song.wav.nac").unlink()
    (place.root / "SONG2.nac").write_bytes(b"no nac file at all")
    back.root.mkdir()
    (back.root / "b").write_bytes(b"a file where a folder should be")
    _, done = restored(place, back)
    failed = {piece.output: failure for piece, failure in done.failed}
    assert failed.keys() == {"song.wav.flac", "SONG2.flac", "b/100%.txt", *(x for x in FLAC.values() if x[0] == "b")}
    codes = [failed[output].exit_code for output in ("song.wav.flac", "SONG2.flac", "b/100%.txt")]
    assert codes == [3, 5, 3]
    assert failed["SONG2.flac"].message.startswith("SONG2.nac: ") and "song.flac" in paths(back)


def test_tags_that_were_changed_in_the_archive_are_no_damage(place, back):
    """The bytes are others than the journal knows, but all of them are sound."""
    record = place.root / JOURNAL
    lines = [json.loads(line) for line in record.read_text().splitlines()]
    for line in lines:
        if line.get("path") == "song.flac" and line["event"] == "done":
            line["sha256"] = "0" * 64
    record.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert restored(place, back)[1].whole == len(SOUNDS) + len(SIDECARS)


def test_names_do_not_depend_on_which_files_are_wanted(place, back):
    plan, _ = restored(place, back, patterns=Patterns(("song.wav",)))
    assert [piece.output for piece in plan.pieces] == ["song.wav.flac"] and paths(back) == {"song.wav.flac"}


def test_the_last_sound_version_is_restored_even_if_a_later_one_failed(place, back):
    done = [json.loads(line) for line in place.records(JOURNAL).splitlines()]
    done = next(line for line in done if line.get("path") == "song.wav" and line["event"] == "done")
    line = {**done, "event": "failed", "error": "broken by now", "exit_code": 3}
    place.append(JOURNAL, json.dumps(line).encode() + b"\n")
    assert restored(place, back)[1].whole == len(SOUNDS) + len(SIDECARS)


HOSTILE = [
    "../out.txt", "/tmp/out.txt", "a/../../out.txt", "a//b", "", ".", "a/\0b", "\ud800", ".nac/journal.jsonl",
    ".NAC/lock",
]  # fmt: skip


@pytest.mark.parametrize("name", ["path", "target"])
@pytest.mark.parametrize("hostile", HOSTILE)
def test_a_journal_with_a_path_that_leads_out_is_refused(place, back, name, hostile):
    lines = place.records(JOURNAL).splitlines()
    line = next(line for line in map(json.loads, lines) if line["event"] == "copied")
    place.append(JOURNAL, json.dumps({**line, name: hostile}).encode() + b"\n")
    with pytest.raises(CorruptStream):
        restored(place, back)
    assert not paths(back)


@pytest.mark.parametrize(
    "values",
    [{"samples": -1}, {"source_mtime_ns": -1, "bytes": -1}, {"sample_rate": 0}, {"bytes": "many"},
     {"sha256": None}, {"source_mtime_ns": 10**30}, {"messages": [1]}, {"channels": True}],
)  # fmt: skip
def test_lines_that_make_no_sense_are_left_out(place, values):
    line = next(line for line in map(json.loads, place.records(JOURNAL).splitlines()) if line["event"] == "done")
    place.append(JOURNAL, json.dumps({**line, **values}).encode() + b"\n")
    ledger = take_inventory(place).ledger
    assert ledger.unreadable == 1 and len(ledger.files) == len(SOUNDS) + len(SIDECARS)


def test_what_cannot_be_asked_is_refused_before_anything_is_written(place, back):
    with pytest.raises(UsageError, match="nac does not write 'mp3'"):
        Restoring(place, back, "mp3")
    with pytest.raises(UsageError, match="itself an archive"):
        plan_of(place, Folder(place.root))
    with pytest.raises(UsageError, match="FLAC is written with 16 or 24 bits"):
        Restoring(place, back, "flac", bits=32)


def test_where_times_are_not_kept_length_decides(place, tmp_path):
    class Timeless(Folder):
        keeps_times = False

        def writing(self, path, mtime_ns, overwrite=True):
            return super().writing(path, 0, overwrite)

    back = Timeless(tmp_path / "store")
    restored(place, back)
    (back.root / "song.flac").write_bytes(b"mine")
    plan, _ = restored(place, back)
    assert len(plan.present) == len(SOUNDS) + len(SIDECARS) - 1
    assert [piece.output for piece in plan.in_the_way] == ["song.flac"]


def test_short_files_decode_their_codes_together(mixed, models, tmp_path, monkeypatch, back):
    """A batch asks its language model once for all of them."""
    from nac_cli.entropy.lm import LanguageModel

    folder = tmp_path / "lm"
    model = Path(shutil.copytree(models, folder)) / f"{TINY}.safetensors"
    write_tiny_lm(folder)
    monkeypatch.setenv("NAC_MODELS", str(folder))
    place = Folder(make_archive(tmp_path / "lm-archive", mixed, model, entropy="lm"))
    asked, decode = [], LanguageModel.decode_ahead

    def count(self, streams, shapes):
        asked.append(len(streams))
        return decode(self, streams, shapes)

    monkeypatch.setattr(LanguageModel, "decode_ahead", count)
    kept, pieces = take_inventory(place).kept(), plan_of(place, back).pieces
    checked = dict(Verifying(place, "tokens", threads=1).open().run(kept, lambda index, done, whole: None))
    assert all(isinstance(value, float) for value in checked.values())
    done = dict(Restoring(place, back, device="cpu", threads=1).open().run(pieces, lambda index, done, whole: None))
    assert all(isinstance(value, Restored) and not value.damage for value in done.values())
    assert asked == 2 * [sum(channels for _, channels in SOUNDS.values())]


def test_a_file_that_appears_meanwhile_is_not_overwritten(place, tmp_path):
    class Watched(Folder):
        def stat(self, path):
            found = super().stat(path)
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).write_bytes(b"mine")  # as soon as nac has looked
            return found

    back = Watched(tmp_path / "back")
    _, done = restored(place, back)
    assert done.whole == 0 and len(done.failed) == len(SOUNDS) + len(SIDECARS)
    assert {failure.exit_code for _, failure in done.failed} == {OutputExists.exit_code}
    assert (back.root / "song.flac").read_bytes() == b"mine"


def test_links_and_pipes_in_an_archive_are_no_files_of_it(place, back, tmp_path):
    """A link would bring any file of the reader's into the library, a pipe would be waited for without end."""
    secret = tmp_path / "secret"
    secret.write_bytes(SIDECARS["a/cover.jpg"])
    for name in ("a/cover.jpg", "b/50% ü.nac"):
        (place.root / name).unlink()
    (place.root / "a/cover.jpg").symlink_to(secret)
    os.mkfifo(place.root / "b/50% ü.nac")
    _, done = restored(place, back)
    assert {piece.entry.path for piece, _ in done.failed} == {"a/cover.jpg", "b/50% ü.wav"}
    assert all("is gone from the archive" in failure.message for _, failure in done.failed)
    assert done.whole == len(SOUNDS) + len(SIDECARS) - 2 and not (back.root / "a/cover.jpg").exists()
