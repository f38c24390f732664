"""Cases drawn by hypothesis, which makes what it finds as small as it can."""

from __future__ import annotations

from collections.abc import Collection

from hypothesis import strategies as st

from tests.fuzz.changes import BYTE_VERBS, NUMBERS, VERBS, WITHIN, Case, Change

PLACES = st.one_of(st.integers(0, 20), st.integers(0, 1 << 16))
VALUES = st.one_of(st.sampled_from(NUMBERS), st.integers(-64, 300), st.integers(0, 1 << 63))
DATA = st.one_of(st.binary(max_size=12), st.binary(min_size=64, max_size=300))


def changes(verbs: Collection[str]) -> st.SearchStrategy[Change]:
    return st.builds(Change, st.sampled_from(sorted(verbs)), PLACES, PLACES, VALUES, DATA)


def cases(names: Collection[str]) -> st.SearchStrategy[Case]:
    """Cases of the streams of a corpus: a third each within chunks that stay intact, with other changes behind
    checksums that hold, and of bytes."""
    name = st.sampled_from(sorted(names))
    within = st.lists(changes(WITHIN), min_size=1, max_size=3).map(tuple)
    structural = st.lists(changes(VERBS), min_size=1, max_size=3).map(tuple)
    bytewise = st.lists(changes(BYTE_VERBS), min_size=1, max_size=2).map(tuple)
    kinds = (
        st.builds(Case, name, within, st.just(True)),
        st.builds(Case, name, within, st.just(True)),
        st.builds(Case, name, structural, st.just(True)),
        st.builds(Case, name, structural, st.booleans()),
        st.builds(Case, name, st.just(()), st.just(False), bytewise),
        st.builds(Case, name, structural, st.booleans(), bytewise),
    )
    return st.integers(0, len(kinds) - 1).flatmap(kinds.__getitem__)
