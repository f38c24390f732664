from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.cli.conftest import lines
from tests.train.corpus.debian_fake import install_apt_get, sound_bytes, write_deb


def pack(nac, corpus, target, *options):
    return nac("train", "pack", corpus, target, "--jobs", 1, *options)


def test_a_corpus_through_shards(nac, corpus, tmp_path):
    options = ("--size", "1MiB", "--quality", "64kbps", "--json")
    (packed,) = lines(pack(nac, corpus, tmp_path / "shards", *options))
    assert packed["seconds"] == {"music": 3.0, "speech": 3.0} and packed["exit_code"] == 0
    assert 20_000 < packed["channel_bitrate"] < 100_000
    shards = packed["shards"]
    result = nac("train", "prepare", *shards, tmp_path / "again", "--jobs", 1, "--json")
    (record,) = lines(result)
    assert record["seconds"] == {"music": 3.0, "speech": 3.0} and record["left_out"] == []
    assert sorted(path.suffix for path in (tmp_path / "again").iterdir()) == [".jsonl", ".wav", ".wav"]
    assert pack(nac, corpus, tmp_path / "shards").exit_code == 9
    assert pack(nac, corpus, tmp_path / "shards", "--force", "--format", "flac").exit_code == 0


def test_shards_and_folders_together(nac, corpus, sources, tmp_path):
    assert pack(nac, corpus, tmp_path / "shards").exit_code == 0
    shard = tmp_path / "shards" / "shard-000.tar"
    result = nac("train", "prepare", sources, shard, tmp_path / "both", "--jobs", 1)
    assert result.exit_code == 0 and "4 files" in result.stderr, result.stderr
    shard.write_bytes(shard.read_bytes()[:700])
    damaged = nac("train", "prepare", shard, tmp_path / "third", "--jobs", 1)
    assert damaged.exit_code == 3 and "shard-000.tar" in damaged.stderr


def test_prepare_needs_folders_or_shards(nac, sources, tmp_path):
    strange = sources / "music" / "a.flac"
    assert nac("train", "prepare", strange, tmp_path / "corpus").exit_code == 2
    assert nac("train", "prepare", sources, sources).exit_code == 2


def test_scan_shows_a_table_and_names_what_is_unusable(nac, sources, corpus):
    result = nac("train", "scan", sources, "--jobs", 1)
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()[1:] if line}
    assert "0:03.0" in rows["music"] and "0:06.0" in rows["all"] and "44.1 kHz" in rows["speech"]
    assert "stereo" in rows["all"] and "broken.wav" in result.stderr
    record, other = lines(nac("train", "scan", sources, corpus, "--json", "--jobs", 1))
    assert record["kind"] == "folder" and record["files"] == 2 and len(record["unreadable"]) == 1
    assert other["kind"] == "corpus" and other["sample_rates"] == {"44100": 2}
    assert other["domains"]["music"]["seconds"] == pytest.approx(3)


def test_scan_of_nothing(nac, tmp_path):
    assert nac("train", "scan", tmp_path).exit_code == 3


@pytest.mark.parametrize(
    "options",
    [
        ["--size", "much"],
        ["--quality", "500kbps"],
        ["--format", "flac", "--quality", "64kbps"],
        ["--weights", "music"],
        ["--weights", "music=-1"],
        ["--weights", "whales=1"],
        ["--weights", "music=0"],
        ["--minutes", "0"],
        ["--size", "5kB"],
    ],
)
def test_wrong_usage(nac, corpus, tmp_path, options):
    result = pack(nac, corpus, tmp_path / "shards", *options)
    assert result.exit_code == 2, result.output


TABLE = """package\tdomain\tminutes\tmean_kbps\tfullband_share\tlicence
pkg-song\tmusic\t1\t120\t1.00\tCC0
pkg-gone\tmusic\t1\t120\t1.00\tCC0
"""


@pytest.fixture
def table(tmp_path, monkeypatch):
    write_deb(tmp_path / "pkg-song_1_all.deb", [("./usr/share/song.flac", sound_bytes(2))])
    install_apt_get(tmp_path / "bin", tmp_path)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "table.tsv"
    path.write_text(TABLE)
    return path


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is Debian's")
def test_building_a_corpus(nac, table, tmp_path):
    options = ("--packages", table, "--renders", 0, "--jobs", 1)
    result = nac("train", "corpus", tmp_path / "corpus", *options)
    assert result.exit_code == 0, result.output
    assert "fetching and unpacking pkg-song" in result.stderr and "100% full-band" in result.stderr
    assert "pkg-gone" in result.stderr and "Unable to locate" in result.stderr
    assert nac("train", "corpus", tmp_path / "corpus", *options).exit_code == 9
    (record,) = lines(nac("train", "corpus", tmp_path / "corpus", *options, "--force", "--json"))
    assert record["seconds"] == {"music": 2.0} and record["missing"] == ["pkg-gone"]
    assert nac("train", "corpus", tmp_path / "other", *options, "--only", "pkg-gone").exit_code == 3
    assert nac("train", "corpus", tmp_path / "other", *options, "--only", "unheard-of").exit_code == 2


@pytest.mark.skipif(sys.platform == "win32", reason="PATH is searched in another way")
def test_building_a_corpus_elsewhere(nac, table, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    result = nac("train", "corpus", tmp_path / "corpus", "--packages", table, "--renders", 0)
    assert result.exit_code == 2 and "Debian" in result.stderr
