"""Archiving runs, in this process: what is written, noted, skipped and done again."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile as sf

import nac_cli
from nac_cli.archive import journal
from nac_cli.archive.archiving import Archiving
from nac_cli.archive.journal import JOURNAL, Copied, Done, Failed
from nac_cli.archive.library import check_places, survey
from nac_cli.archive.places.folder import UNFINISHED, Folder
from nac_cli.archive.plan import Patterns
from nac_cli.errors import AudioError, UsageError
from tests.helpers.pools import MutePool
from tests.helpers.sounds import write_sound

SOUNDS = {
    "a.wav": "a.nac", "album/b.wav": "album/b.nac",
    "album/disc 2/\u00e9t\u00e9 \U0001f3b5.wav": "album/disc 2/\u00e9t\u00e9 \U0001f3b5.nac",
          "album/-c\n;.wav": "album/-c\n;.nac"}  # fmt: skip


@pytest.fixture
def archive(tmp_path):
    return tmp_path / "archive"


def contents(archive) -> dict[str, tuple[str, int]]:
    """Hash and time of change of each file, the journal aside."""
    return {
        found.path: (hashlib.sha256((archive / found.path).read_bytes()).hexdigest(), found.mtime_ns)
        for found in Folder(archive).walk(lambda path, reason: None)
    }


def test_a_library_is_mirrored_with_times_and_noted(run, library, archive):
    os.utime(library / "a.wav", ns=(5, 1_500_000_000_000_000_007))
    tally = run()
    assert (tally.done, tally.copied, tally.failed, tally.crashes) == (4, 0, [], 0)
    assert set(contents(archive)) == set(SOUNDS.values())
    assert not list((archive / UNFINISHED).iterdir())
    ledger = journal.read(Folder(archive))
    assert len(ledger.runs) == 1 and ledger.unreadable == 0
    for path, target in SOUNDS.items():
        entry, made, source = ledger.last[path], archive / target, library / path
        assert isinstance(entry, Done) and entry.target == target
        assert (entry.source_bytes, entry.source_mtime_ns) == (source.stat().st_size, source.stat().st_mtime_ns)
        assert (entry.bytes, entry.sha256) == (made.stat().st_size, contents(archive)[target][0])
        assert made.stat().st_mtime_ns == source.stat().st_mtime_ns
        sound = sf.info(source)
        assert (entry.samples, entry.sample_rate, entry.channels) == (sound.frames, sound.samplerate, sound.channels)
        samples, _ = sf.read(source, dtype="int16")
        assert entry.pcm_md5 == hashlib.md5(samples.astype("<i2").tobytes()).hexdigest()
        info = nac_cli.info(made)
        assert info.stream.num_samples == sound.frames and info.stream.codec.model_id.hex() == entry.model_id


def test_the_digest_is_that_of_flac(run, library, archive):
    samples = np.random.default_rng(0).integers(-1000, 1000, (9000, 2), dtype=np.int16)
    sf.write(library / "x.flac", samples, 44_100, subtype="PCM_16")
    header = (library / "x.flac").read_bytes()[:42]
    run(patterns=Patterns(("x.flac",)))
    assert journal.read(Folder(archive)).last["x.flac"].pcm_md5 == header[26:42].hex()


def test_the_files_are_those_that_compress_makes(run, library, archive, tmp_path, settings):
    run()
    for path, target in SOUNDS.items():
        nac_cli.compress(library / path, tmp_path / "one.nac", planes=2, model=settings.model, threads=1, force=True)
        assert (tmp_path / "one.nac").read_bytes() == (archive / target).read_bytes()


def test_a_second_run_does_nothing(run, archive):
    run()
    before, lines = contents(archive), Folder(archive).records(JOURNAL)
    tally = run()
    assert tally.done == 0 and contents(archive) == before
    assert Folder(archive).records(JOURNAL).startswith(lines)


def test_what_came_changed_or_got_lost_is_done_and_nothing_else(run, library, archive, settings):
    run()
    before = contents(archive)
    write_sound(library / "a.wav", seconds=0.5, channels=1)
    write_sound(library / "new.wav", seconds=0.2, channels=1)
    (archive / "album" / "b.nac").unlink()
    found = survey(Folder(library), Folder(archive), settings)
    assert {job.path: job.reason for job in found.plan.jobs} == {
        "a.wav": "changed",
        "new.wav": "new",
        "album/b.wav": "lost",
    }
    assert run().done == 3
    after = contents(archive)
    assert after["album/b.nac"] == before["album/b.nac"] and after["a.nac"] != before["a.nac"]
    assert run().done == 0


def test_other_settings_make_all_anew(run, settings, archive):
    run()
    assert run(settings=replace(settings, planes=3)).done == 4
    assert len({run.settings_id for run in journal.read(Folder(archive)).runs}) == 2


def test_where_the_weight_file_lies_does_not_matter(run, settings):
    run()
    assert run(settings=replace(settings, model="nac-44k-tiny")).done == 0


def test_sounds_too_short_for_a_bitrate_are_no_failures(run, library, settings, archive):
    for name, seconds in (("blip.wav", 0.02), ("none.wav", 0.0), ("long.wav", 20.0)):
        write_sound(library / name, seconds=seconds, channels=2)
    tally = run(settings=replace(settings, planes=None, bitrate=3000))
    assert tally.done == 7 and not tally.failed
    entry = journal.read(Folder(archive)).last["long.wav"]
    assert 0.95 * 3000 <= 8 * entry.bytes / 20.0 <= 3000 and not entry.messages
    write_sound(library / "long.wav", seconds=21.0, channels=2)
    (failed,) = run(settings=replace(settings, planes=None, bitrate=90), patterns=Patterns(("long.wav",))).failed
    assert failed.exit_code == 2 and "90 bit/s cannot be met" in failed.error


def test_sidecars_are_copied(run, library, archive):
    run()
    assert run(copy_others=True).copied == 1
    assert (archive / "album" / "cover.jpg").read_bytes() == (library / "album" / "cover.jpg").read_bytes()
    entry = journal.read(Folder(archive)).last["album/cover.jpg"]
    assert isinstance(entry, Copied) and entry.sha256 == hashlib.sha256(b"\xff\xd8 not really").hexdigest()


def test_a_bad_file_fails_alone_and_is_tried_again(run, library, archive):
    (library / "album" / "bad.flac").write_bytes(b"fLaC but no more")
    (library / "empty.wav").write_bytes(b"")
    tally = run()
    assert tally.done == 4 and {failed.path: failed.exit_code for failed in tally.failed} == {
        "album/bad.flac": 3,
        "empty.wav": 3,
    }
    assert journal.read(Folder(archive)).last["empty.wav"].error.startswith("empty.wav is empty")
    assert not (archive / "empty.nac").exists()
    write_sound(library / "empty.wav", seconds=0.3, channels=1)
    tally = run()
    assert tally.done == 1 and [failed.path for failed in tally.failed] == ["album/bad.flac"]


def test_what_a_worker_wrote_but_did_not_tell_is_no_stranger_in_the_way(run, library, archive):
    tally = run(pool=MutePool, copy_others=True)
    assert (tally.done, tally.copied, tally.failed) == (4, 1, []) and tally.crashes == 5
    assert set(contents(archive)) == {*SOUNDS.values(), "album/cover.jpg"}
    assert run(copy_others=True).done == 0


def test_sources_that_go_stay_in_the_archive(run, library, archive, settings):
    run()
    shutil.rmtree(library / "album")
    found = survey(Folder(library), Folder(archive), settings)
    assert found.gone == 3 and not found.plan.jobs
    run()
    assert set(contents(archive)) == set(SOUNDS.values())


def test_a_file_that_changes_while_it_is_read_fails(run, library, archive, monkeypatch):
    real = Folder.reading

    def reading(self, path):
        os.utime(library / path, ns=(0, 0))
        return real(self, path)

    monkeypatch.setattr(Folder, "reading", reading)
    tally = run(patterns=Patterns(("a.wav",)))
    assert "changed while it was read" in tally.failed[0].error and not (archive / "a.nac").exists()


def test_hashes_of_sources_on_request(library, archive, settings, run):
    from tests.helpers.pools import LocalPool

    source, place = Folder(library), Folder(archive)
    from nac_cli.archive.library import archive as archive_library

    with place.claim():
        found = survey(source, place, settings)
        archive_library(
            source, place, settings, found, LocalPool(Archiving(source, place, settings, hashed=True, check=True))
        )
    entry = journal.read(place).last["a.wav"]
    assert entry.source_sha256 == hashlib.sha256((library / "a.wav").read_bytes()).hexdigest()


def test_listed_files_alone(run, library, archive, settings):
    assert run(paths=["album/b.wav"]).done == 1
    with pytest.raises(UsageError, match="'no.wav'"):
        survey(Folder(library), Folder(archive), settings, paths=["a.wav", "no.wav"])
    with pytest.raises(UsageError, match="list"):
        survey(Folder(library), Folder(archive), settings, paths=["../library/a.wav"])


def test_tags_and_pictures_are_kept(run, library, archive):
    import mutagen.flac

    sf.write(library / "t.flac", np.zeros(9000, np.float32), 44_100)
    sound = mutagen.flac.FLAC(library / "t.flac")
    sound["title"], sound["artist"] = "\u00c9t\u00e9", ["A", "B"]
    sound.save()
    run(patterns=Patterns(("t.flac",)))
    assert nac_cli.info(archive / "t.nac").tags.items == (("TITLE", "\u00c9t\u00e9"), ("ARTIST", "A"), ("ARTIST", "B"))


def test_tags_that_were_changed_in_the_archive_stay(run, library, archive):
    run()
    changes = nac_cli.TagChanges(set=(("TITLE", "Blue"),))
    nac_cli.tag(archive / "a.nac", changes)
    tagged = (archive / "a.nac").read_bytes()
    tally = run()
    assert tally.done == 1 and (archive / "a.nac").read_bytes() == tagged
    entry = journal.read(Folder(archive)).last["a.wav"]
    assert entry.sha256 == hashlib.sha256(tagged).hexdigest() and "stays as it is" in entry.messages[-1]
    assert run().done == 0, "once is enough"


@pytest.mark.parametrize("harm", ["cut", "other"])
def test_outputs_that_were_harmed_are_made_anew(run, library, archive, harm):
    run()
    before = (archive / "a.nac").read_bytes()
    (archive / "a.nac").write_bytes(before[:-9] if harm == "cut" else (archive / "album" / "b.nac").read_bytes())
    assert run().done == 1
    assert (archive / "a.nac").read_bytes() == before


def test_a_full_disk_or_no_permission_is_told_of_each_file(run, library, archive):
    if os.geteuid() == 0:
        (archive / "album").parent.mkdir()
        (archive / "album").write_bytes(b"in the way of a folder")
    else:
        (archive / "album").mkdir(parents=True, mode=0o500)
    tally = run()
    assert tally.done == 1 and len(tally.failed) == 3 and all(failed.exit_code == 3 for failed in tally.failed)


@pytest.mark.parametrize("pair", [("x", "x"), ("x", "x/y"), ("x/y", "x"), ("x/../y", "y/z")])
def test_a_library_and_its_archive_lie_apart(pair, tmp_path):
    for name in ("x/y", "y"):
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(UsageError, match="one inside the other"):
        check_places(*(Folder(tmp_path / name) for name in pair))


def test_neighbours_lie_apart(tmp_path):
    (tmp_path / "music").mkdir()
    check_places(Folder(tmp_path / "music"), Folder(tmp_path / "music small"))


def test_failed_entries_have_reasons(run, library, archive):
    (library / "x.wav").write_bytes(b"RIFFnothing")
    run()
    entry = journal.read(Folder(archive)).last["x.wav"]
    assert isinstance(entry, Failed) and "x.wav" in entry.error


def test_a_library_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(AudioError, match="no such folder"):
        check_places(Folder(tmp_path / "none"), Folder(tmp_path / "small"))
