"""A corpus goes into shards of a bounded size and comes back; what is no shard says so."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from nac_cli.errors import AudioError, OutputExists, UsageError
from nac_cli.train.corpus.encoding import Encoding
from nac_cli.train.corpus.prepare import MANIFEST, Item, prepare, read_manifest, write_manifest
from nac_cli.train.corpus.shards import EXCERPT_SECONDS, draw, pack, read_shard_manifest, unpack

RATE = 16_000
FLAC, OPUS = Encoding("flac", None), Encoding("opus", 64_000)
LENGTHS = {"music": [50.0, 9.0], "speech": [1.5] * 12, "env": [3.0] * 6}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Three domains, most music by time, most speech by files."""
    folder, items = tmp_path_factory.mktemp("corpus"), []
    rng = np.random.default_rng(0)
    for domain, lengths in LENGTHS.items():
        for seconds in lengths:
            name = f"{len(items):06d}.wav"
            samples = rng.normal(0, 0.1, (round(seconds * RATE), 2 if domain == "music" else 1)).clip(-1, 1)
            soundfile.write(folder / name, samples, RATE, subtype="PCM_16")
            source, channels = f"test:{len(items)}", samples.shape[1]
            items.append(Item(name, domain, source, f"licence of {domain}", seconds, channels, domain == "music"))
    write_manifest(folder, items)
    return folder


def seconds_by_domain(items):
    return {domain: sum(item.seconds for item in items if item.domain == domain) for domain in LENGTHS}


def test_shards_are_bounded_and_hold_everything(corpus, tmp_path):
    limit = 1_100_000
    packed = pack(corpus, tmp_path, limit, FLAC, workers=1)
    assert [path.name for path in packed.shards] == [f"shard-{n:03d}.tar" for n in range(len(packed.shards))]
    sizes = [path.stat().st_size for path in packed.shards]
    assert len(sizes) > 2 and max(sizes) <= limit and min(sizes[:-1]) > 0.3 * limit
    assert sum(sizes) == packed.total_bytes
    items = [item for path in packed.shards for item in read_shard_manifest(path)]
    assert len({item.path for item in items}) == len(items) == packed.excerpts
    assert max(item.seconds for item in items) <= EXCERPT_SECONDS
    expected = {domain: sum(lengths) for domain, lengths in LENGTHS.items()}
    assert seconds_by_domain(items) == pytest.approx(expected, abs=0.01)


def test_the_beginning_is_a_balanced_sample(corpus):
    order = list(draw(corpus, read_manifest(corpus), {}, seed=1))
    start = [excerpt.item for excerpt in order[:15]]
    assert {item.domain for item in start} == set(LENGTHS)
    had = dict.fromkeys(LENGTHS, 0.0)
    for excerpt in order:  # a domain is only ahead by the excerpt that put it there, until others are used up
        if excerpt.item.domain == "speech" and had["speech"] > 15:
            break
        assert had[excerpt.item.domain] == min(had.values())
        had[excerpt.item.domain] += excerpt.seconds
    assert [e.item for e in draw(corpus, read_manifest(corpus), {}, seed=1)] == [e.item for e in order]
    assert [e.item for e in draw(corpus, read_manifest(corpus), {}, seed=2)] != [e.item for e in order]


def test_weights_choose_domains(corpus):
    order = draw(corpus, read_manifest(corpus), {"speech": 1, "env": 2}, seed=0)
    had = dict.fromkeys(LENGTHS, 0.0)
    for excerpt in order:
        had[excerpt.item.domain] += excerpt.seconds
        if sum(had.values()) > 20:
            break
    assert had["music"] == 0 and had["env"] == pytest.approx(2 * had["speech"], abs=4)
    with pytest.raises(UsageError, match="whales"):
        list(draw(corpus, read_manifest(corpus), {"whales": 1}, seed=0))


def test_from_a_corpus_through_shards_to_a_corpus(corpus, tmp_path):
    packed = pack(corpus, tmp_path / "shards", 1 << 20, OPUS, seconds=30, workers=1)
    files = [file for shard in packed.shards for file in unpack(shard, tmp_path / "unpacked")]
    items = prepare(files, tmp_path / "again", RATE, workers=1)
    before = {item.source: item for item in read_manifest(corpus)}
    assert 30 <= sum(item.seconds for item in items) < 30 + EXCERPT_SECONDS
    for item in items:
        original = before[item.source]
        assert (item.domain, item.licence) == (original.domain, original.licence)
        assert item.full_band == original.full_band, "known of the original, at 16 kHz nothing would measure as such"
        assert item.channels == original.channels
    whole = next(item for item in items if item.domain == "env")
    assert whole.seconds == pytest.approx(before[whole.source].seconds, abs=0.01)
    sound, _ = soundfile.read(tmp_path / "again" / whole.path)
    original, _ = soundfile.read(corpus / before[whole.source].path)
    shared = min(len(sound), len(original))
    assert np.corrcoef(sound[:shared], original[:shared])[0, 1] > 0.9, "aligned in time"


@pytest.mark.parametrize("encoding", [OPUS, Encoding("opus", 24_000), Encoding("vorbis", 80_000)])
def test_the_bitrate_is_about_what_was_asked_for(tmp_path, encoding):
    rng = np.random.default_rng(0)
    time = np.arange(10 * 44_100) / 44_100
    chord = sum(np.sin(2 * np.pi * f * time * (1 + 0.01 * np.sin(time))) for f in 220 * np.arange(1, 30)) / 40
    soundfile.write(tmp_path / "a.wav", chord + rng.normal(0, 0.02, len(time)), 44_100)
    data = encoding.encode(tmp_path / "a.wav", 0, len(time))
    assert 0.6 < 8 * len(data) / 10 / encoding.bitrate < 1.5
    sound, rate = soundfile.read(io.BytesIO(data))
    assert len(sound) / rate == pytest.approx(10, abs=0.001)


@pytest.mark.parametrize(("codec", "bitrate"), [("opus", 500_000), ("opus", None), ("flac", 64_000), ("mp3", 64_000)])
def test_encodings_that_do_not_exist(codec, bitrate):
    with pytest.raises(UsageError, match=codec):
        Encoding(codec, bitrate)


def test_shards_are_replaced_only_by_force_and_all_of_them(corpus, tmp_path):
    many = pack(corpus, tmp_path, 1_100_000, FLAC, workers=1)
    with pytest.raises(OutputExists, match="force"):
        pack(corpus, tmp_path, 1_100_000, FLAC, workers=1)
    few = pack(corpus, tmp_path, 1_100_000, FLAC, seconds=5, workers=1, force=True)
    assert len(few.shards) < len(many.shards) and sorted(tmp_path.iterdir()) == few.shards


def test_a_size_that_no_excerpt_fits_in(corpus, tmp_path):
    with pytest.raises(UsageError, match="larger shards"):
        pack(corpus, tmp_path, 20_000, FLAC, workers=1)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def intact(corpus, tmp_path_factory):
    return pack(corpus, tmp_path_factory.mktemp("shards"), 1 << 20, OPUS, seconds=10, workers=1).shards[0]


@pytest.fixture
def shard(intact, tmp_path):
    return Path(shutil.copy(intact, tmp_path))


@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9])
def test_a_truncated_shard_is_a_clear_error(shard, tmp_path, share):
    shard.write_bytes(shard.read_bytes()[: round(share * shard.stat().st_size)])
    with pytest.raises(AudioError, match=shard.name):
        unpack(shard, tmp_path / "out")


def test_a_damaged_header_is_a_clear_error(shard, tmp_path):
    data = bytearray(shard.read_bytes())
    data[100] ^= 0xFF
    shard.write_bytes(data)
    with pytest.raises(AudioError, match=shard.name):
        unpack(shard, tmp_path / "out")


def rewritten(shard, change, kind=tarfile.REGTYPE):
    """The shard with its first excerpt under another name, or of another kind."""
    items = read_shard_manifest(shard)
    name = change(items[0].path)
    line = json.dumps({**vars(items[0]), "path": name}) + "\n"
    with tarfile.open(shard, "w") as archive:
        for member, content in ((name, b"x"), (MANIFEST, line.encode())):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            if member == name and kind != tarfile.REGTYPE:
                info.type, info.linkname, info.size = kind, "/etc/passwd", 0
            archive.addfile(info, io.BytesIO(content))


@pytest.mark.parametrize("change", ["../{}", "/tmp/{}", "a/{}", "..", "{}.sh"])
def test_path_tricks_in_a_shard_are_refused(shard, tmp_path, change):
    rewritten(shard, change.format)
    with pytest.raises(AudioError, match="no plain file"):
        unpack(shard, tmp_path / "out" / "in")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_in_a_shard_are_refused(shard, tmp_path, kind):
    rewritten(shard, str, kind)
    with pytest.raises(AudioError, match="no plain file"):
        unpack(shard, tmp_path / "out")


@pytest.mark.parametrize("line", ["nonsense", "{}", '{"path": "a.opus"}', "[1]"])
def test_a_damaged_manifest_names_its_line(tmp_path, line):
    (tmp_path / MANIFEST).write_text(line + "\n")
    with pytest.raises(AudioError, match="line 1 is damaged"):
        read_manifest(tmp_path)
