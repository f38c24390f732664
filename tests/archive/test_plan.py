"""What is to be done, under which names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nac_cli.archive.journal import Copied, Crashed, Done, Failed, Ledger, Planned
from nac_cli.archive.naming import fold_case
from nac_cli.archive.places.place import Found
from nac_cli.archive.plan import Patterns, Plan, make_plan
from nac_cli.errors import OutputExists

SETTINGS = "s1"


def files(*paths: str) -> list[Found]:
    return [Found(path, 1000, 7) for path in paths]


def done(path: str, target: str, size: int = 50, settings_id: str = SETTINGS) -> Done:
    return Done(path, target, 1000, 7, None, "", 1, 8000, 1, size, "", "m", "i", None, settings_id, 0.1, (), "t")


def ledger_of(*entries) -> Ledger:
    ledger = Ledger()
    for entry in entries:
        ledger.add(entry)
    return ledger


def outputs(ledger: Ledger) -> dict[str, Found]:
    return {
        entry.target: Found(entry.target, entry.bytes, 7) for entry in ledger.last.values() if hasattr(entry, "bytes")
    }


EMPTY = Ledger()


def plan(found: list[Found], ledger: Ledger = EMPTY, there: dict[str, Found] | None = None, **options) -> Plan:
    return make_plan(found, ledger, outputs(ledger) if there is None else there, SETTINGS, **options)


def names(made: Plan) -> dict[str, str]:
    return {job.path: job.target for job in made.jobs}


def reasons(made: Plan) -> dict[str, str]:
    return {job.path: job.reason for job in made.jobs}


def test_usual_names():
    made = plan(files("b/Song No. 5.FLAC", "a.wav", "b/.wav", "x.tar.mp3", "new\nline.ogg"))
    assert names(made) == {
        "a.wav": "a.nac", "b/Song No. 5.FLAC": "b/Song No. 5.nac", "new\nline.ogg": "new\nline.nac",
        "x.tar.mp3": "x.tar.nac",
    }  # fmt: skip
    assert [found.path for found in made.others] == ["b/.wav"]
    assert list(names(made)) == sorted(names(made))


def test_rivals_for_a_name_keep_their_whole_names():
    made = plan(files("a.wav", "a.flac", "b.wav"))
    assert names(made) == {"a.flac": "a.flac.nac", "a.wav": "a.wav.nac", "b.wav": "b.nac"}
    assert dict(made.renamed) == {"a.flac": "a.flac.nac", "a.wav": "a.wav.nac"}


def test_whole_names_that_are_taken_get_numbers():
    made = plan(files("a.wav", "a.flac", "a.wav.mp3"))
    assert names(made) == {"a.flac": "a.flac.nac", "a.wav": "a.wav.nac", "a.wav.mp3": "a.wav.mp3.nac"}
    made = plan(files("a.wav", "a.wav.nac", "a.nac"), copy_others=True)
    assert names(made) == {"a.nac": "a.nac", "a.wav.nac": "a.wav.nac", "a.wav": "a.wav (2).nac"}


def test_a_later_rival_does_not_move_what_is_there():
    ledger = ledger_of(done("a.wav", "a.nac"))
    made = plan(files("a.wav", "a.flac"), ledger)
    assert names(made) == {"a.flac": "a.flac.nac"} and made.done == 1


def test_a_sidecar_keeps_its_own_name():
    made = plan(files("a.wav", "a.nac"), copy_others=True)
    assert names(made) == {"a.nac": "a.nac", "a.wav": "a.wav.nac"}


def test_names_that_differ_in_case_alone_get_apart_where_they_must():
    both = files("Song.wav", "song.wav", "\u00e9.wav", "e\u0301.wav")
    assert len({fold_case(name) for name in names(plan(both, fold=fold_case)).values()}) == 4
    assert names(plan(both))["Song.wav"] == "Song.nac"


NAMES = st.lists(
    st.builds(
        "".join,
        st.tuples(
            st.sampled_from(["a", "A", "a.wav", "b/a", "b"]), st.sampled_from([".wav", ".flac", ".nac", "", ".WAV"])
        ),
    ),
    unique=True,
)  # fmt: skip


@given(first=NAMES, second=NAMES, fold=st.sampled_from([str, fold_case]), others=st.booleans())
def test_no_two_files_ever_share_a_target(first, second, fold, others):
    made = plan(files(*first), fold=fold, copy_others=others)
    ledger = ledger_of(*(Planned(*pair) for pair in names(made).items()))
    later = plan(files(*{*first, *second}), ledger, {}, fold=fold, copy_others=others)
    assert names(made).items() <= names(later).items()
    taken = [fold(target) for target in names(later).values()]
    assert len(taken) == len(set(taken))


def test_what_is_done_and_unchanged_is_skipped():
    ledger = ledger_of(done("a.wav", "a.nac"), Copied("c.jpg", "c.jpg", 1000, 7, None, 1000, "", "t"))
    made = plan(files("a.wav", "c.jpg"), ledger, copy_others=True)
    assert not made.jobs and made.done == 2


@pytest.mark.parametrize(
    ("entry", "found", "reason"),
    [
        (done("a.wav", "a.nac"), Found("a.wav", 1001, 7), "changed"),
        (done("a.wav", "a.nac"), Found("a.wav", 1000, 8), "changed"),
        (done("a.wav", "a.nac", settings_id="s2"), Found("a.wav", 1000, 7), "settings"),
        (Failed("a.wav", "a.nac", 1000, 7, SETTINGS, "no", 3, "t"), Found("a.wav", 1000, 7), "failed"),
        (Planned("a.wav", "a.nac"), Found("a.wav", 1000, 7), "new"),
        (Copied("a.wav", "a.nac", 1000, 7, None, 50, "", "t"), Found("a.wav", 1000, 7), "settings"),
        (Crashed("a.wav", "a.nac", 1000, 7, True, "no", "t"), Found("a.wav", 1000, 7), "crashed"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_should_be_is_done_again(entry, found, reason):
    assert reasons(plan([found], ledger_of(entry))) == {"a.wav": reason}


@pytest.mark.parametrize(
    ("there", "times", "reason"),
    [
        ({}, True, "lost"),
        ({"a.nac": Found("a.nac", 49, 7)}, True, "altered"),
        ({"a.nac": Found("a.nac", 50, 7 + 10**10)}, True, "altered"),
        ({"a.nac": Found("a.nac", 50, 7 + 10**10)}, False, None),
        ({"a.nac": Found("a.nac", 50, 7 + 10**9)}, True, None),
    ],
)
def test_an_output_that_is_gone_or_altered_is_looked_at(there, times, reason):
    before = done("a.wav", "a.nac")
    made = plan(files("a.wav"), ledger_of(before), there, times=times)
    assert reasons(made) == ({"a.wav": reason} if reason else {})
    assert [job.before for job in made.jobs if job.reason == "altered"] == [before] * (reason == "altered")


def test_quarantine():
    crashes = [Crashed("a.wav", "a.nac", 1000, 7, True, "no", "t")] * 2
    made = plan(files("a.wav", "b.wav"), ledger_of(*crashes))
    assert [found.path for found in made.quarantined] == ["a.wav"] and reasons(made) == {"b.wav": "new"}
    assert reasons(plan(files("a.wav"), ledger_of(*crashes), retry_quarantined=True)) == {"a.wav": "crashed"}


def test_foreign_files_in_the_way_are_refused():
    there = {"a.nac": Found("a.nac", 5, 5)}
    with pytest.raises(OutputExists, match="a.nac"):
        plan(files("a.wav"), there=there)
    assert plan(files("a.wav"), there=there, force=True).jobs
    assert plan(files("a.wav"), ledger_of(Planned("a.wav", "a.nac")), there).jobs, (
        "what was planned is the archive's own"
    )


def test_files_without_sound_are_left_out_or_copied():
    found = files("cover.jpg", "README", "video.mp4", "a.wav")
    assert [file.path for file in plan(found).others] == ["README", "cover.jpg", "video.mp4"]
    made = plan(found, copy_others=True)
    assert not made.others and [job.sound for job in made.jobs] == [False, True, False, False]


@pytest.mark.parametrize(
    ("include", "exclude", "wanted"),
    [
        ((), (), "a.wav b/c.flac b/d/e.wav"), (("*.wav",), (), "a.wav b/d/e.wav"), (("b",), (), "b/c.flac b/d/e.wav"),
        ((), ("d",), "a.wav b/c.flac"), (("b/*",), ("*.wav",), "b/c.flac"), (("a.wav", "e.*"), (), "a.wav b/d/e.wav"),
        (("A.WAV",), (), ""),
    ],
)  # fmt: skip
def test_patterns(include, exclude, wanted):
    patterns = Patterns(include, exclude)
    assert " ".join(path for path in ("a.wav", "b/c.flac", "b/d/e.wav") if patterns.want(path)) == wanted
