"""Whatever tags a nac file can hold can be written into every format, and come back as far as the format goes."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nac_cli.audio import Picture, Tags, create_audio, open_audio, read_tags
from tests.helpers.sounds import tones

KEYS = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7D, exclude_characters="="), min_size=1, max_size=30)
WELL_KNOWN = ["TITLE", "title", "TrackNumber", "TRACKTOTAL", "discnumber", "DATE", "genre", "COMMENT", "Lyrics"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
PICTURES = st.builds(
    Picture,
    st.integers(0, 2**32 - 1), st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=20), TEXT,
    *[st.integers(0, 2**32 - 1)] * 4, st.binary(max_size=40),
)  # fmt: skip


def written(format: str, tags: Tags) -> io.BytesIO:
    file = io.BytesIO()
    with create_audio(file, 44100, 2, format, num_samples=500) as output:
        output.write(tones(500))
    from nac_cli.audio import write_tags

    write_tags(file, tags, warn=pytest.fail)
    return file


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["wav", "flac", "ogg"]),
    st.lists(st.tuples(KEYS | st.sampled_from(WELL_KNOWN), TEXT), max_size=8),
    st.lists(PICTURES, max_size=3),
)
def test_anything_can_be_written(format, items, pictures):
    file = written(format, Tags(tuple(items), tuple(pictures)))
    told: list[str] = []
    got = read_tags(file, told.append)
    assert len(got.pictures) == len(pictures)
    assert [picture.data for picture in got.pictures] == [picture.data for picture in pictures]
    if format != "wav":
        assert [value for _, value in got.items] == [value for _, value in items]
    with open_audio(file) as sound:
        assert sum(block.shape[1] for block in sound.blocks(1000)) == 500


@pytest.mark.parametrize("format", ["wav", "flac", "ogg"])
def test_keys_compare_without_case_on_writing(format):
    items = (("Title", "one"), ("tracknumber", "3"), ("TRACKTOTAL", "9"), ("TITLE", "two"), ("Own Key", "x"))
    got = read_tags(written(format, Tags(items)), warn=pytest.fail)
    assert got.values("TITLE") == ("one", "two")
    assert (got.values("TRACKNUMBER"), got.values("TRACKTOTAL"), got.values("OWN KEY")) == (("3",), ("9",), ("x",))
    if format == "wav":
        from mutagen.wave import WAVE

        frames = WAVE(written(format, Tags(items))).tags
        assert frames["TIT2"].text == ["one", "two"] and frames["TRCK"].text == ["3/9"]


def test_a_wav_file_of_nearly_4_gib_is_told_that_it_has_no_room():
    from nac_cli.audio.tags import sound_files

    class Large(io.BytesIO):
        def seek(self, offset: int, whence: int = 0) -> int:
            return super().seek(offset, whence) if whence != 2 else 2**32 - 1000

    told: list[str] = []
    file = Large(written("wav", Tags()).getvalue())
    sound_files.write_tags(file, Tags((("TITLE", "x"),)), told.append)
    assert len(told) == 1 and "4 GiB" in told[0]
