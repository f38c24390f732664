from __future__ import annotations

import base64
import io

import mutagen
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutagen import asf, flac, id3, mp3, mp4, oggopus, wave

from nac_cli.audio import Picture, Tags, create_audio, open_audio, read_tags, write_tags
from nac_cli.errors import AudioError
from tests.helpers.sounds import ffmpeg_file, sound_file, tones

RATE = 44100
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 5
COVER = Picture(3, "image/png", "Vorderseite – 表紙", 640, 480, 24, 0, PNG)
BACK = Picture(4, "image/jpeg", "", 0, 0, 0, 256, b"\xff\xd8\xff" + bytes(100))
ITEMS = (
    ("TITLE", "Für Elise – 給愛麗絲 🎹"), ("ARTIST", "Ludwig"), ("ARTIST", "van Beethoven"),
    ("ALBUM", "Bagatellen"), ("TRACKNUMBER", "3"), ("TRACKTOTAL", "12"), ("DISCNUMBER", "1"),
    ("DATE", "1810-04-27"), ("GENRE", "Klassik"), ("GENRE", "17"), ("ORIGINALDATE", "about 1808"),
    ("COMMENT", "first line\nsecond line"), ("MUSICBRAINZ_TRACKID", "0a-b"), ("LYRICS", "la\nla"),
    ("ENCODEDBY", "me"),
)  # fmt: skip


def written(format: str, tags: Tags) -> bytes:
    file = io.BytesIO()
    with create_audio(file, RATE, 2, format, num_samples=1000) as output:
        output.write(tones(1000))
    write_tags(file, tags)
    return file.getvalue()


def no_size(picture: Picture) -> Picture:
    return Picture(picture.type, picture.mime, picture.description, 0, 0, 0, 0, picture.data)


@pytest.mark.parametrize("format", ["flac", "ogg"])
def test_flac_and_ogg_keep_everything_in_order(format):
    tags = Tags(ITEMS, (COVER, BACK, BACK))
    assert read_tags(io.BytesIO(written(format, tags)), warn=pytest.fail) == tags


def test_wav_keeps_everything_but_order_and_picture_sizes():
    tags = Tags(ITEMS, (COVER, BACK, BACK))
    got = read_tags(io.BytesIO(written("wav", tags)), warn=pytest.fail)
    assert sorted(got.items) == sorted(ITEMS)
    assert got.values("ARTIST") == ("Ludwig", "van Beethoven")
    assert got.pictures == tuple(map(no_size, tags.pictures))


KEY_LETTERS = st.characters(min_codepoint=0x20, max_codepoint=0x7D, exclude_characters="=")
KEYS = st.text(KEY_LETTERS, min_size=1, max_size=12).map(lambda key: key.strip().upper()).filter(bool)
VALUES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(KEYS, VALUES), max_size=6), st.sampled_from(["flac", "ogg", "wav"]))
def test_any_text_survives(items, format):
    if format == "wav":
        items = [item for item in items if item[1]]  # ID3 has no empty values
    got = read_tags(io.BytesIO(written(format, Tags(tuple(items)))), warn=pytest.fail).items
    assert (sorted(got) if format == "wav" else list(got)) == (sorted(items) if format == "wav" else items)


@pytest.mark.parametrize("format", ["flac", "ogg", "wav"])
def test_writing_again_replaces_and_the_sound_stays(format, tmp_path):
    path = tmp_path / "a"
    path.write_bytes(written(format, Tags(ITEMS, (COVER,))))
    with open_audio(path) as sound:
        before = next(sound.blocks(1000))
    write_tags(path, Tags((("TITLE", "new"),)))
    assert read_tags(path) == Tags((("TITLE", "new"),))
    with open_audio(path, warn=pytest.fail) as sound:
        assert (next(sound.blocks(1000)) == before).all()
        assert sound.tags().values("TITLE") == ("new",)


def test_tags_of_create_audio(tmp_path):
    tags = Tags(ITEMS, (COVER,))
    for format in ("wav", "flac", "ogg"):
        with create_audio(tmp_path / "a", RATE, 1, format, tags=tags) as output:
            output.write(tones(500, 1))
        assert sorted(read_tags(tmp_path / "a").items) == sorted(ITEMS)
        with open_audio(tmp_path / "a", warn=pytest.fail) as sound:
            assert sum(block.shape[1] for block in sound.blocks(100)) == 500


def test_tags_may_be_read_while_the_sound_is(tmp_path):
    (tmp_path / "a").write_bytes(written("flac", Tags(ITEMS)))
    with open_audio(tmp_path / "a") as sound:
        total = 0
        for block in sound.blocks(10):
            total += block.shape[1]
            assert sound.tags().items == ITEMS
    assert total == 1000


def test_mp3_frames_become_vorbis_keys():
    file = io.BytesIO(sound_file(tones(5000), RATE, "MP3", "MPEG_LAYER_III"))
    frames = id3.ID3()
    for frame in (
        id3.TIT2(text=["Titel"]), id3.TPE1(text=["A", "B"]), id3.TRCK(text=["7/9"]),
        id3.TCON(text=["(17)", "Pop"]), id3.TDRC(text=["2001-02"]), id3.TLEN(text=["9"]),
        id3.TXXX(desc="Replaygain_Track_Gain", text=["-3 dB"]), id3.TXXX(desc="a=ü", text=["x"]),
        id3.COMM(lang="eng", text=["Kommentar"]), id3.COMM(lang="eng", desc="iTunSMPB", text=["0000"]),
        id3.USLT(lang="eng", text="Text"), id3.TMCL(people=[["violin", "Anne"]]),
        id3.TIPL(people=[["mix", "Bob"]]), id3.WOAR(url="http://example.org"),
        id3.APIC(mime="image/png", type=3, desc="c", data=PNG), id3.PRIV(owner="x", data=b"1"),
    ):  # fmt: skip
        frames.add(frame)
    frames.save(fileobj=file)
    told = []
    tags = read_tags(file, told.append)
    assert sorted(tags.items) == sorted(
        [
            ("TITLE", "Titel"), ("ARTIST", "A"), ("ARTIST", "B"), ("TRACKNUMBER", "7"), ("TRACKTOTAL", "9"),
            ("GENRE", "Rock"), ("GENRE", "Pop"), ("DATE", "2001-02"), ("REPLAYGAIN_TRACK_GAIN", "-3 dB"),
            ("A__", "x"), ("COMMENT", "Kommentar"), ("LYRICS", "Text"), ("PERFORMER", "Anne (violin)"),
            ("MIX", "Bob"), ("WEBSITE", "http://example.org"),
        ]
    )  # fmt: skip
    assert tags.pictures == (Picture(3, "image/png", "c", 0, 0, 0, 0, PNG),)
    assert len(told) == 1 and "PRIV" in told[0]


def test_id3_version_1_is_better_than_nothing():
    tail = b"TAG" + b"Old title".ljust(30, b"\0") + b"Someone".ljust(30, b"\0") + bytes(64) + b"\xff"
    file = sound_file(tones(5000), RATE, "MP3", "MPEG_LAYER_III") + tail
    assert dict(read_tags(io.BytesIO(file)).items) == {"TITLE": "Old title", "ARTIST": "Someone"}


def test_m4a():
    file = io.BytesIO(ffmpeg_file(tones(5000), RATE, "ipod", "aac"))
    atoms = mp4.MP4(fileobj=file)
    atoms.tags.clear()
    atoms["\xa9nam"], atoms["\xa9ART"], atoms["trkn"], atoms["cpil"] = ["Titel"], ["A", "B"], [(2, 10)], True
    atoms["tmpo"], atoms["----:com.apple.iTunes:ISRC"] = [120], [b"DE123", "ä".encode()]
    atoms["----:com.apple.iTunes:iTunSMPB"] = [b"0000"]
    atoms["covr"] = [mp4.MP4Cover(PNG, mp4.MP4Cover.FORMAT_PNG)]
    file.seek(0)
    atoms.save(fileobj=file)
    tags = read_tags(file, warn=pytest.fail)
    assert sorted(tags.items) == sorted(
        [
            ("TITLE", "Titel"), ("ARTIST", "A"), ("ARTIST", "B"), ("TRACKNUMBER", "2"), ("TRACKTOTAL", "10"),
            ("COMPILATION", "1"), ("BPM", "120"), ("ISRC", "DE123"), ("ISRC", "ä"),
        ]
    )  # fmt: skip
    assert tags.pictures == (Picture(3, "image/png", "", 0, 0, 0, 0, PNG),)


def test_wma():
    file = io.BytesIO(ffmpeg_file(tones(20000), RATE, "asf", "wmav2", metadata={"title": "Titel"}))
    sound = asf.ASF(fileobj=file)
    block = b"\x03" + len(PNG).to_bytes(4, "little") + "image/png\0ü\0".encode("utf-16-le") + PNG
    sound["Author"], sound["WM/TrackNumber"], sound["WM/Genre"] = ["A", "B"], ["4"], ["Jazz"]
    sound["WM/Picture"] = [asf.ASFByteArrayAttribute(block)]
    file.seek(0)
    sound.save(fileobj=file)
    tags = read_tags(file, warn=pytest.fail)
    expected = {("TITLE", "Titel"), ("ARTIST", "A"), ("ARTIST", "B"), ("TRACKNUMBER", "4"), ("GENRE", "Jazz")}
    assert set(tags.items) == expected
    assert tags.pictures == (Picture(3, "image/png", "ü", 0, 0, 0, 0, PNG),)


def test_opus_with_a_picture():
    file = io.BytesIO(sound_file(tones(5000, rate=48000), 48000, "OGG", "OPUS"))
    picture = flac.Picture()
    picture.type, picture.mime, picture.desc, picture.data = 3, "image/png", "c", PNG
    sound = oggopus.OggOpus(fileobj=file)
    sound["title"] = ["Titel", "zwei"]
    sound["metadata_block_picture"] = [base64.b64encode(picture.write()).decode(), "rubbish!"]
    file.seek(0)
    sound.save(fileobj=file)
    told = []
    tags = read_tags(file, told.append)
    assert tags.values("TITLE") == ("Titel", "zwei")
    assert tags.pictures == (Picture(3, "image/png", "c", 0, 0, 0, 0, PNG),)
    assert "METADATA_BLOCK_PICTURE" in told[0]


def riff_info(**fields: str) -> bytes:
    body = b"INFO"
    for name, text in fields.items():
        data = text.encode("cp1252") + b"\0"
        body += name.encode() + len(data).to_bytes(4, "little") + data + b"\0" * (len(data) % 2)
    return b"LIST" + len(body).to_bytes(4, "little") + body


def with_chunk(wav: bytes, chunk: bytes) -> bytes:
    return wav[:4] + (len(wav) + len(chunk) - 8).to_bytes(4, "little") + wav[8:] + chunk


def test_riff_info_and_id3_in_wav():
    fields = riff_info(INAM="Säge", IART="Künstler", ICMT="hi", ITRK="5")
    file = with_chunk(sound_file(tones(1000), RATE), fields)
    info = {"TITLE": "Säge", "ARTIST": "Künstler", "COMMENT": "hi", "TRACKNUMBER": "5"}
    assert dict(read_tags(io.BytesIO(file), warn=pytest.fail).items) == info
    both = io.BytesIO(file)
    sound = wave.WAVE(fileobj=both)
    sound.add_tags()
    sound.tags.add(id3.TIT2(text=["aus ID3"]))
    both.seek(0)
    sound.save(fileobj=both)
    got = dict(read_tags(both, warn=pytest.fail).items)
    assert got["TITLE"] == "aus ID3" and got["COMMENT"] == "hi" and got.keys() == info.keys()


OTHERS = [
    ("matroska", "flac"), ("aiff", "pcm_s16be"), ("caf", "pcm_s16be"), ("webm", "libopus"), ("wv", "wavpack"),
]  # fmt: skip


@pytest.mark.parametrize("format, codec", OTHERS)
def test_other_containers(format, codec):
    rate = 48000 if codec == "libopus" else RATE
    options = {"write_id3v2": "1"} if format == "aiff" else {}
    metadata = {"title": "Tïtel", "artist": "A"}
    file = ffmpeg_file(tones(5000), rate, format, codec, options=options, metadata=metadata)
    assert dict(read_tags(io.BytesIO(file), warn=pytest.fail).items) == {"TITLE": "Tïtel", "ARTIST": "A"}


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "RF64"])
def test_no_tags_are_no_matter(format):
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(format, "PCM_16")
    file = sound_file(tones(5000), RATE, format, subtype)
    assert not read_tags(io.BytesIO(file), warn=pytest.fail)


def test_bad_tags_are_told_and_never_raise():
    tagged = {format: written(format, Tags(ITEMS, (COVER, BACK))) for format in ("flac", "ogg", "wav")}
    mp3_file = io.BytesIO(sound_file(tones(5000), RATE, "MP3", "MPEG_LAYER_III"))
    frames = mp3.MP3(fileobj=mp3_file)
    frames.add_tags()
    frames.tags.add(id3.TIT2(text=["x" * 100]))
    mp3_file.seek(0)
    frames.save(fileobj=mp3_file)
    tagged["mp3"] = mp3_file.getvalue()
    tagged["m4a"] = ffmpeg_file(tones(5000), RATE, "ipod", "aac", metadata={"title": "Titel"})
    for file in tagged.values():
        for place in range(0, min(len(file), 3000), 37):
            damaged = bytearray(file)
            damaged[place : place + 3] = b"\xff\xff\xff"
            assert isinstance(read_tags(io.BytesIO(bytes(damaged)), lambda sentence: None), Tags)
        for size in (1, 5, 50, 300):
            assert isinstance(read_tags(io.BytesIO(file[:size]), lambda sentence: None), Tags)


def test_damaged_tags_are_told():
    file = bytearray(written("flac", Tags(ITEMS)))
    place = file.index(b"reference libFLAC") - 4
    file[place : place + 4] = b"\xff\xff\xff\x7f"
    told = []
    read_tags(io.BytesIO(bytes(file)), told.append)
    assert told and "tags cannot be read" in told[0]


def test_targets_that_cannot_hold_tags(tmp_path):
    told = []
    write_tags(io.BytesIO(sound_file(tones(10), RATE, "RF64")), Tags(ITEMS), told.append)
    assert "4 GiB" in told[0]
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(AudioError, match="neither WAV nor FLAC nor Ogg"):
        write_tags(tmp_path / "a.txt", Tags(ITEMS))
    with pytest.raises(AudioError, match="cannot be written"):
        write_tags(tmp_path / "missing.wav", Tags(ITEMS))


def test_others_understand_what_is_written(tmp_path):
    for format in ("flac", "ogg", "wav"):
        path = tmp_path / f"a.{format}"
        path.write_bytes(written(format, Tags(ITEMS, (COVER,))))
        sound = mutagen.File(path, easy=True)
        title = sound.tags["TIT2"].text if format == "wav" else sound["title"]
        assert title == ["Für Elise – 給愛麗絲 🎹"]
