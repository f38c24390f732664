"""Tags of any kind fit a stream after `fitting_tags`, and what is lost is told."""

from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.container import ContainerReader, fitting_tags, limits
from nac_cli.values import Picture, Tags
from tests.container.streams import TAGS, stream_info, write_stream

PNG = b"\x89PNG\r\n"


def picture(**fields) -> Picture:
    given = {"type": 3, "mime": "image/png", "description": "", "width": 0, "height": 0, "depth": 0, "colours": 0}
    return Picture(**({**given, "data": PNG} | fields))


def kept(tags: Tags) -> tuple[Tags, list[str]]:
    """What is left of tags in a stream, and what was told."""
    told: list[str] = []
    good = fitting_tags(tags, told.append)
    data = write_stream(stream_info(0), [], 0, good)
    reader = ContainerReader(io.BytesIO(data), strict=True)
    assert reader.tags == good
    return good, told


def test_what_fits_is_left_alone():
    assert kept(TAGS) == (TAGS, [])


TEXT = st.text(st.characters(codec=None), max_size=300)
PICTURES = st.builds(
    picture,
    type=st.integers(-5, 2**40), mime=TEXT, description=TEXT, width=st.integers(0, 2**33), data=st.binary(max_size=50),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), max_size=5), st.lists(PICTURES, max_size=3))
def test_anything_fits_and_changes_are_told(items, pictures):
    tags = Tags(tuple(items), tuple(pictures))
    good, told = kept(tags)
    assert bool(told) == (good != tags)
    assert len(good.items) == len(items) and len(good.pictures) == len(pictures)


def test_large_things_are_left_out_and_the_small_ones_stay():
    good, told = kept(Tags((("LYRICS", "x" * 1_200_000), ("TITLE", "t"))))
    assert good.items == (("TITLE", "t"),) and "LYRICS" in told[0]
    good, told = kept(Tags((), (picture(data=bytes(17_000_000)), picture())))
    assert good.pictures == (picture(),) and "17000000" in told[0]
    good, told = kept(Tags((), tuple(picture(data=bytes(16_000_000)) for _ in range(5))))
    assert len(good.pictures) == 4 and len(told) == 1


def test_too_many_things_are_cut():
    good, told = kept(Tags(tuple(("NOTE", str(i)) for i in range(5000))))
    assert len(good.items) == limits.MAX_TAGS and "904 tags" in told[0] and "NOTE 904 times" in told[0]
    good, told = kept(Tags((), tuple(picture(description=str(i)) for i in range(40))))
    assert [p.description for p in good.pictures] == [str(i) for i in range(32)] and "8 pictures" in told[0]


def test_exactly_full_tags_stay():
    most = tuple(("K", "v" * 252) for _ in range(4095))
    full = Tags((*most, ("K", "v" * 250)))
    assert kept(full) == (full, [])
    assert len(kept(Tags((*most, ("K", "v" * 251))))[1]) == 1


def test_odd_keys_and_media_types_are_mended():
    good, told = kept(Tags((("k" * 300, "v"), ("a=b", "w"), ("", "x"))))
    assert good.items == (("k" * 255, "v"), ("a_b", "w"), ("_", "x")) and len(told) == 1
    good, told = kept(Tags((), (picture(mime="image/png\0"),)))
    assert good.pictures == (picture(),) and "image/png" in told[0]
