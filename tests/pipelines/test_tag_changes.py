"""What becomes of tags: what each change does, and any sequence of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nac_cli
from nac_cli.container import pack_tags
from nac_cli.errors import UsageError
from nac_cli.values import FRONT_COVER, Tags
from tests.container.streams import PICTURE, TAGS, block, insert, reindex, small_stream
from tests.helpers.tagging import COVER, changes, rest_of, tagged, tags_of

BACK = replace(COVER, type=4)


def items_after(items, **fields):
    return changes(**fields).applied(Tags(tuple(items))).items


def test_each_change_does_what_it_says():
    items = (("TITLE", "a"), ("Artist", "x"), ("GENRE", "g"), ("ARTIST", "y"))
    assert items_after(items, set=(("artist", "z"),)) == (("TITLE", "a"), ("Artist", "z"), ("GENRE", "g"))
    assert items_after(items, set=(("ARTIST", "1"), ("artist", "2")))[1:3] == (("Artist", "1"), ("Artist", "2"))
    assert items_after(items, set=(("ARTIST", "x"), ("artist", "y"))) == items, "places and spelling stay"
    assert items_after(items, set=(("Date", "1"),)) == (*items, ("Date", "1"))
    assert items_after(items, add=(("title", "b"),)) == (*items, ("title", "b"))
    assert items_after(items, remove=("ARTIST",)) == (("TITLE", "a"), ("GENRE", "g"))
    assert items_after(items, remove=("artist=x", "TITLE=")) == (("TITLE", "a"), ("GENRE", "g"), ("ARTIST", "y"))
    assert items_after(items, remove=("NONE",)) == items
    assert items_after(items, clear=True) == ()


def test_the_order_is_clear_remove_set_add():
    wanted = {"add": (("A", "added"),), "set": (("A", "set"), ("B", "b")), "remove": ("A", "C")}
    assert items_after((("C", "c"), ("A", "old")), **wanted) == (("A", "set"), ("B", "b"), ("A", "added"))
    assert items_after((("D", "d"),), clear=True, **wanted) == (("A", "set"), ("B", "b"), ("A", "added"))


def test_a_cover_takes_the_place_of_all_front_covers_or_the_first():
    def pictures(*before, **fields):
        return changes(**fields).applied(Tags((), before)).pictures

    assert pictures(picture=COVER) == (COVER,)
    assert pictures(BACK, PICTURE, PICTURE, picture=COVER) == (BACK, COVER)
    assert pictures(BACK, picture=COVER) == (COVER, BACK)
    assert pictures(BACK, PICTURE, remove_pictures=True) == ()
    assert pictures(BACK, PICTURE, picture=COVER, remove_pictures=True) == (COVER,)


KEYS = st.sampled_from(["TITLE", "title", "Artist", "ARTIST", " }", "X"])
VALUES = st.text(max_size=4) | st.sampled_from(["a", "long " * 60])
PAIRS = st.lists(st.tuples(KEYS, VALUES), max_size=3).map(tuple)
REMOVALS = st.lists(KEYS | st.tuples(KEYS, st.sampled_from(["a", ""])).map("=".join), max_size=2).map(tuple)
CHANGES = st.builds(
    nac_cli.TagChanges, st.booleans(), REMOVALS, PAIRS, PAIRS, st.booleans(), st.none() | st.just(COVER)
)


class Model:
    """What a dictionary of lists of values would hold."""

    def __init__(self, tags: Tags):
        self.values: dict[str, list[str]] = {}
        self.pictures = list(tags.pictures)
        for key, value in tags.items:
            self.values.setdefault(key.upper(), []).append(value)

    def change(self, wanted: nac_cli.TagChanges) -> None:
        if wanted.clear:
            self.values = {}
        for removal in wanted.remove:
            key, equals, value = removal.partition("=")
            kept = [v for v in self.values.get(key.upper(), []) if equals and v != value]
            self.values[key.upper()] = kept
        for key in {key.upper() for key, _ in wanted.set}:
            self.values[key] = [value for name, value in wanted.set if name.upper() == key]
        for key, value in wanted.add:
            self.values.setdefault(key.upper(), []).append(value)
        if wanted.remove_pictures:
            self.pictures = []
        if wanted.picture:
            self.pictures = [p for p in self.pictures if p.type != FRONT_COVER] + [wanted.picture]

    def __eq__(self, other: Model) -> bool:
        mine, theirs = ({key: v for key, v in model.values.items() if v} for model in (self, other))
        key = lambda picture: (picture.type, picture.data)  # noqa: E731
        return mine == theirs and sorted(self.pictures, key=key) == sorted(other.pictures, key=key)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(CHANGES, max_size=4), st.booleans(), st.booleans(), st.sampled_from([0, 5, 300]), st.booleans(),
    st.booleans(),
)  # fmt: skip
def test_any_edits_equal_a_dictionary_and_leave_the_rest(edits, known, has_tags, padding, unknown, late):
    data = small_stream(length_known=known, tags=TAGS if has_tags else None, padding=padding)
    if unknown:
        data = insert(data, b"CHNK", block(b"newT", b"1"))
    if late:
        data = reindex(insert(data, b"pmd5", block(b"tags", pack_tags((("TITLE", "late"),)))))
    model, rest = Model(tags_of(data)), rest_of(data)
    for wanted in edits:
        model.change(wanted)
        before, data = data, tagged(data, wanted)
        assert model == Model(tags_of(data))
        assert rest_of(data) == rest
        assert tagged(data, changes()) == data
        if tags_of(before) == tags_of(data):
            assert before == data


@pytest.mark.parametrize("key", ["", "Ä", "tilde~", "tab\t", "k" * 256])
def test_what_cannot_be_a_tag_is_refused_at_once(key):
    for fields in ({"set": ((key, "x"),)}, {"add": ((key, "x"),)}, {"remove": (key,)}):
        with pytest.raises(UsageError, match="key"):
            changes(**fields)
    with pytest.raises(UsageError, match="UTF-8"):
        changes(set=(("A", "\udcff"),))
