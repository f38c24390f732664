"""Tags and pictures change, and nothing else does."""

from __future__ import annotations

import io
import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

import nac_cli
from nac_cli.container import ContainerReader, pack_tags
from nac_cli.container.tags import pack_picture
from nac_cli.errors import UnsupportedStream, UsageError
from nac_cli.values import Tags
from tests.container.streams import (
    PICTURE,
    TAGS,
    Pipe,
    block,
    blocks_of,
    insert,
    kind_of,
    opaque_records,
    reindex,
    small_stream,
    stream_info,
    write_stream,
)  # fmt: skip
from tests.helpers.codecs import TINY
from tests.helpers.sounds import clear_music
from tests.helpers.streams import compressed, decoded
from tests.helpers.tagging import COVER, OWN, changes, rest_of, tagged, tags_of, titled


@pytest.fixture
def path(tmp_path):
    (tmp_path / "song.nac").write_bytes(small_stream(padding=100))
    return tmp_path / "song.nac"


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
    data = compressed(clear_music(2, 1, 44_100), str(models / f"{TINY}.safetensors"))
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


def test_memory_is_that_of_a_block(tmp_path):
    """60 MB of sound are read and copied in pieces."""
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
    record = json.loads(json.dumps(nac_cli.tag(path).as_dict()))
    assert record["pictures"] == [
        {"type": 3, "mime": "image/png", "description": "front", "width": 1, "height": 1, "depth": 24, "colours": 0,
         "bytes": 6},
    ]  # fmt: skip
    assert record["file"] == str(path)
