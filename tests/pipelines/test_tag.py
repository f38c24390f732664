"""Tags and pictures change, and nothing else does."""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nac_cli
from nac_cli.container import ContainerReader, editor
from nac_cli.container.tags import pack_picture, pack_tags
from nac_cli.errors import AudioError, CorruptStream, LimitExceeded, NacError, UnsupportedStream, UsageError
from nac_cli.values import FRONT_COVER, Picture, Tags
from tests.container.streams import (
    PICTURE, TAGS, Pipe, block, blocks_of, flip, insert, kind_of, reindex, small_stream,
)  # fmt: skip
from tests.models import TINY
from tests.pipelines.sounds import compressed, decoded, tones

COVER = Picture(FRONT_COVER, "image/png", "", 3, 2, 24, 0, b"\x89PNG another")
BACK = replace(COVER, type=4)
GOLDEN = Path(__file__).parents[1] / "container" / "golden"
OWN = (b"tags", b"pict", b"padd")
posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX permissions")


def changes(**fields) -> nac_cli.TagChanges:
    return nac_cli.TagChanges(**fields)


def titled(title: str) -> nac_cli.TagChanges:
    return changes(set=(("TITLE", title),))


def tagged(data: bytes, wanted: nac_cli.TagChanges) -> bytes:
    nac_cli.tag(io.BytesIO(data), wanted, out := io.BytesIO())
    return out.getvalue()


def tags_of(data: bytes) -> Tags:
    reader = ContainerReader(io.BytesIO(data), strict=True)
    reader.structure()
    return reader.tags


def rest_of(data: bytes) -> list[bytes]:
    """All but what an editor may change."""
    return [piece for piece in blocks_of(data) if kind_of(piece) not in OWN]


@pytest.fixture
def path(tmp_path):
    (tmp_path / "song.nac").write_bytes(small_stream(padding=100))
    return tmp_path / "song.nac"


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


@pytest.mark.parametrize("length_known", [True, False])
def test_what_fits_the_padding_keeps_size_and_place(length_known):
    data = small_stream(length_known=length_known, padding=100)
    first_chunk = data.index(b"CHNK")
    for length in range(130):
        after = tagged(data, titled("x" * length))
        grown = length - len("Étude".encode())
        assert tags_of(after).values("title") == ("x" * length,)
        if grown <= 100 or grown == 112:  # all of the padding, or its block too
            assert len(after) == len(data) and after[first_chunk:] == data[first_chunk:]
            assert (after[:first_chunk].count(b"padd"), grown == 112) in [(1, False), (0, True)]
        else:
            assert ContainerReader(io.BytesIO(after)).padding == 512
            assert after[after.index(b"CHNK") :] == data[first_chunk:]


def test_padding_is_as_compress_leaves_it(tiny):
    sound = nac_cli.Waveform(np.zeros((1, 3000), np.float32), 44_100)
    nac_cli.compress(sound, out := io.BytesIO(), planes=1, device="cpu")
    assert ContainerReader(io.BytesIO(out.getvalue())).padding == 0
    after = tagged(out.getvalue(), titled("x"))
    assert ContainerReader(io.BytesIO(after)).padding == 512
    assert len(tagged(after, changes(clear=True))) == len(after)


def test_the_room_of_a_large_cover_is_given_back():
    bare = small_stream(tags=Tags((("TITLE", "x"),)), padding=512)
    large = tagged(bare, changes(picture=replace(COVER, data=bytes(100_000))))
    assert len(large) > 100_000
    assert tagged(large, changes(remove_pictures=True)) == bare
    assert len(tagged(large, changes(remove_pictures=True, clear=True))) < len(bare) - 512
    small = tagged(bare, changes(picture=replace(COVER, data=bytes(10_000))))
    assert len(tagged(small, changes(remove_pictures=True))) == len(small), "a little room is kept"
    roomy = small_stream(tags=TAGS, padding=100_000)
    assert len(tagged(roomy, titled("x"))) == len(roomy), "as is what someone wished for"


def test_unknown_blocks_stay_in_their_place():
    data = small_stream(padding=50)
    for number, before in enumerate((b"tags", b"padd", b"CHNK", b"pmd5", b"INDX")):
        data = insert(data, before, block(b"new%d" % number, b"news" * number))
    data = reindex(insert(data, b"CHNK", block(b"xprv", b"")))
    kinds = [kind_of(piece) for piece in blocks_of(data)]
    after = tagged(data, titled("another"))
    assert rest_of(after) == rest_of(data) and len(after) == len(data)
    assert after[after.index(b"CHNK") :] == data[data.index(b"CHNK") :]
    assert [kind for kind in kinds if kind not in OWN] == [
        kind for kind in map(kind_of, blocks_of(after)) if kind not in OWN
    ]
    assert kinds.index(b"new0") < kinds.index(b"tags") and after.index(b"new0") < after.index(b"tags")


def test_tags_between_and_behind_chunks_move_to_the_front():
    """The index counts the bytes there, so padding takes their place."""
    data = small_stream(tags=Tags((("A", "1"),)), padding=200)
    late = block(b"tags", pack_tags((("B", "2"),)))
    data = insert(insert(data, b"INDX", late), b"pmd5", block(b"pict", pack_picture(PICTURE)))
    pieces = blocks_of(data)
    second = [at for at, piece in enumerate(pieces) if kind_of(piece) == b"CHNK"][1]
    data = reindex(b"".join([*pieces[:second], late, *pieces[second:]]))
    after = tagged(data, changes(set=(("C", "3"),)))
    assert tags_of(after) == Tags((("A", "1"), ("B", "2"), ("B", "2"), ("C", "3")), (PICTURE,))
    assert rest_of(after) == rest_of(data) and len(after) == len(data)
    front = after[: after.index(b"CHNK")]
    assert front.count(b"tags") == front.count(b"pict") == 1 and after.count(b"tags") == 1
    assert ContainerReader(io.BytesIO(after)).chunk(1) == ContainerReader(io.BytesIO(data)).chunk(1)


def test_a_stream_without_chunks():
    data = small_stream(0, tags=None, padding=0)
    assert tags_of(tagged(data, changes(set=(("A", "1"),), picture=COVER))) == Tags((("A", "1"),), (COVER,))


def test_sound_and_verdict_are_the_same(models, tmp_path):
    data = compressed(tones(2, 1, 44_100), str(models / f"{TINY}.safetensors"))
    path = tmp_path / "song.nac"
    path.write_bytes(data)
    nac_cli.tag(path, changes(set=(("TITLE", "Étude ♪"),), picture=COVER))
    assert np.array_equal(decoded(path.read_bytes()).samples, decoded(data).samples)
    assert nac_cli.verify(path, device="cpu").sound
    assert nac_cli.info(path).tags == Tags((("TITLE", "Étude ♪"),), (COVER,))


def test_a_pipe_on_its_way(path):
    data = small_stream(length_known=False, padding=100)
    nac_cli.tag(Pipe(data), titled("piped"), out := io.BytesIO())
    assert out.getvalue() == tagged(data, titled("piped")) and rest_of(out.getvalue()) == rest_of(data)
    nac_cli.tag(Pipe(data), None, same := io.BytesIO())
    assert same.getvalue() == data
    assert nac_cli.tag(Pipe(data)).tags == TAGS
    (file := io.BytesIO(b"before" + data)).seek(6)
    nac_cli.tag(file, titled("piped"), behind := io.BytesIO())
    assert behind.getvalue() == out.getvalue()
    with pytest.raises(UsageError, match="target"):
        nac_cli.tag(io.BytesIO(data), titled("x"))


def test_a_pipe_that_is_no_stream_is_not_read_to_its_end():
    class Endless:
        count = 0

        def read(self, size):
            self.count += size
            return bytes(size)

    with pytest.raises(UnsupportedStream):
        nac_cli.tag(endless := Endless(), titled("x"), io.BytesIO())
    assert endless.count < 2**20


def test_the_report_tells(path):
    size = path.stat().st_size
    report = nac_cli.tag(path, changes(set=(("TITLE", "x"),), remove_pictures=True))
    assert (report.changed, report.source_bytes, report.file_bytes) == (True, size, size)
    assert report.as_dict()["tags"] == [["TITLE", "x"], ["ARTIST", "nac"], ["artist", ""]]
    assert nac_cli.tag(path, titled("x" * 1000)).file_bytes == path.stat().st_size > size


@pytest.mark.parametrize(
    "wanted",
    [titled("Étude"), changes(remove=("NONE", "ARTIST=other")), changes(picture=PICTURE), changes(), None,
     changes(set=(("artist", "nac"), ("ARTIST", "")))],
)  # fmt: skip
def test_what_changes_nothing_leaves_the_file_alone(path, wanted):
    before = path.stat()
    assert not nac_cli.tag(path, wanted).changed
    after = path.stat()
    assert all(getattr(before, field) == getattr(after, field) for field in ("st_ino", "st_mtime_ns", "st_ctime_ns"))


@posix
def test_permissions_stay_and_the_time_is_new(path):
    os.utime(path, (1, 1))
    os.chmod(path, 0o640)
    nac_cli.tag(path, titled("x"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o640 and path.stat().st_mtime > 1e9
    if os.geteuid() == 0:
        os.chown(path, 1234, 5678)
        nac_cli.tag(path, titled("y"))
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 5678)


@posix
def test_a_link_stays_one(path, tmp_path):
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.nac"
    link.symlink_to("../song.nac")
    nac_cli.tag(link, titled("x"))
    assert link.is_symlink() and tags_of(path.read_bytes()).values("TITLE") == ("x",)


@posix
def test_the_longest_of_names(path):
    long = path.rename(path.with_name("n" * 251 + ".nac"))
    nac_cli.tag(long, titled("x"))
    assert tags_of(long.read_bytes()).values("TITLE") == ("x",) and list(path.parent.iterdir()) == [long]


@posix
def test_write_protected_files_and_folders_are_refused(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # root may always write
    with pytest.raises(AudioError, match="write-protected"):
        nac_cli.tag(path, titled("x"))
    with pytest.raises(AudioError):
        nac_cli.tag(path.parent, titled("x"))
    assert path.read_bytes() == before


def test_damage_is_refused_and_the_file_stays(path):
    data = path.read_bytes()
    for damaged in (data[:-1], data + b"x", flip(data, data.index(b"CHNK") + 15), data[:-30], flip(data, 30)):
        path.write_bytes(damaged)
        with pytest.raises(CorruptStream, match="song.nac.*not changed"):
            nac_cli.tag(path, titled("x"))
        assert path.read_bytes() == damaged and list(path.parent.iterdir()) == [path]


def test_every_flip_and_every_cut_is_noticed():
    data = small_stream(padding=20)
    minor_version = 9
    damaged = [flip(data, byte, byte % 8) for byte in range(len(data)) if byte != minor_version]
    for one in damaged + [data[:size] for size in range(len(data))]:
        with pytest.raises(NacError):
            nac_cli.tag(io.BytesIO(one), titled("x"), out := io.BytesIO())
        assert out.getvalue() == b""


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.nac")), ids=lambda path: path.stem)
def test_golden_files(path):
    data, kind = path.read_bytes(), path.name.partition("-")[0]
    if kind == "good" or path.stem == "bad-tokens":  # whose blocks are sound
        after = tagged(data, titled("x"))
        assert rest_of(after) == rest_of(data) and tags_of(after).values("TITLE") == ("x",)
        return
    with pytest.raises(UnsupportedStream if kind == "unsupported" else (CorruptStream, LimitExceeded)):
        tagged(data, titled("x"))


def test_tags_of_a_damaged_file_can_be_read(path):
    path.write_bytes(flip(path.read_bytes(), path.read_bytes().index(b"CHNK") + 15))
    report = nac_cli.tag(path)
    assert report.tags == TAGS and len(report.damage) == 1


def test_unsupported_files_are_refused(path):
    data = path.read_bytes()
    for other in (insert(data, b"CHNK", block(b"NewT", b"")), data.replace(b"\n\x01\0", b"\n\x02\0", 1), b"RIFF"):
        path.write_bytes(other)
        with pytest.raises(UnsupportedStream):
            nac_cli.tag(path, titled("x"))
        assert path.read_bytes() == other
    with pytest.raises(AudioError, match="none.nac"):
        nac_cli.tag(path.with_name("none.nac"), titled("x"))


def test_a_newer_minor_version_stays():
    data = small_stream().replace(b"\n\x01\0", b"\n\x01\x07", 1)
    assert rest_of(tagged(data, titled("x"))) == rest_of(data)


@pytest.mark.parametrize("key", ["", "Ä", "tilde~", "tab\t", "k" * 256])
def test_what_cannot_be_a_tag_is_refused_at_once(key):
    for fields in ({"set": ((key, "x"),)}, {"add": ((key, "x"),)}, {"remove": (key,)}):
        with pytest.raises(UsageError, match="key"):
            changes(**fields)
    with pytest.raises(UsageError, match="UTF-8"):
        changes(set=(("A", "\udcff"),))


def test_limits_hold_before_anything_is_written(path, monkeypatch):
    before = path.read_bytes()
    too_much = [
        changes(add=(("A", "x"),) * 4094), titled("x" * 2**20), changes(picture=replace(COVER, data=bytes(2**24))),
    ]  # fmt: skip
    monkeypatch.setattr("nac_cli.pipelines.tag.open_replacement", None)
    for wanted in too_much:
        with pytest.raises(LimitExceeded):
            nac_cli.tag(path, wanted)
        out = io.BytesIO()
        with pytest.raises(LimitExceeded):
            nac_cli.tag(Pipe(before), wanted, out)
        assert out.getvalue() == b""
    assert path.read_bytes() == before and list(path.parent.iterdir()) == [path]


def test_the_number_of_blocks_has_a_limit(monkeypatch):
    for module in ("editor", "reader"):
        monkeypatch.setattr(f"nac_cli.container.{module}.MAX_OTHER_BLOCKS", 20)
    bare = small_stream(tags=None, padding=0, digest=None)
    unknown = block(b"newT", b"") * 19
    at = bare.index(b"CHNK")
    data = bare[:at] + unknown + bare[at:]
    with pytest.raises(LimitExceeded, match="20 blocks"):
        tagged(data, titled("x"))  # needs padding, too
    roomy = data.replace(block(b"newT", b""), block(b"padd", bytes(50)), 1)
    assert tags_of(tagged(roomy, titled("x" * 42))).values("TITLE") == ("x" * 42,), "in the very place of the padding"


def test_a_failure_while_writing_leaves_the_old_file(path, monkeypatch):
    before, calls = path.read_bytes(), []

    def failing(error):
        def copy(self, extent, target):
            calls.append(extent)
            if extent.kind == "CHNK":
                raise error
            target.write(b"half")

        return copy

    for error, seen in ((OSError(28, "No space left on device"), AudioError), (KeyboardInterrupt(), KeyboardInterrupt)):
        monkeypatch.setattr(editor.ContainerEditor, "_copy", failing(error))
        with pytest.raises(seen):
            nac_cli.tag(path, titled("x"))
        assert calls and path.read_bytes() == before and list(path.parent.iterdir()) == [path]


@posix
def test_a_kill_while_writing_leaves_the_old_file(path):
    before = path.read_bytes()
    if (child := os.fork()) == 0:
        def die(self, extent, target):
            if extent.kind == "INDX":
                target.flush()
                os._exit(9)
            target.write(bytes(extent.size))

        editor.ContainerEditor._copy = die
        try:
            nac_cli.tag(path, titled("x"))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == before
    for left in path.parent.glob(".*.part"):
        left.unlink()
    nac_cli.tag(path, titled("x"))
    assert tags_of(path.read_bytes()).values("TITLE") == ("x",)


def test_a_file_that_shrinks_meanwhile_is_no_excuse_for_a_short_one(path):
    class Shrinking(io.BytesIO):
        gone = False

        def read(self, size=-1):
            return b"" if self.gone else super().read(size)

    file = Shrinking(path.read_bytes())
    edited = editor.ContainerEditor(file)
    file.gone = True
    with pytest.raises(CorruptStream, match="shorter"):
        edited.write(io.BytesIO())


def test_memory_is_that_of_a_block(tmp_path):
    """60 MB of sound are read and copied in pieces."""
    import tracemalloc

    from tests.container.streams import opaque_records, stream_info, write_stream

    samples = 40 * 8 * 80
    data = write_stream(stream_info(samples), opaque_records(stream_info(samples), samples, bytes(1_500_000)), samples)
    path = tmp_path / "large.nac"
    path.write_bytes(data)
    size = len(data)
    del data
    tracemalloc.start()
    nac_cli.tag(path, titled("x"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 59e6 and peak < 12e6


def test_the_lines_of_the_report_are_plain_values(path):
    import json

    record = json.loads(json.dumps(nac_cli.tag(path).as_dict()))
    assert record["pictures"] == [
        {"type": 3, "mime": "image/png", "description": "front", "width": 1, "height": 1, "depth": 24, "colours": 0,
         "bytes": 6},
    ]  # fmt: skip
    shutil.copy(path, path.with_name("copy.nac"))
    assert record["file"] == str(path)
