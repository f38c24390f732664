"""A comparison end to end, with a stand-in for the codec."""

from __future__ import annotations

import csv
import json
import math
import shutil
import sys

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

import nac_cli
from nac_cli.bench.__main__ import main
from nac_cli.bench.compare import clips_in, compare, read_clip, through_nac
from nac_cli.bench.results import Row, means, write_json
from nac_cli.errors import AudioError, BatchFailed, UsageError

FAST = dict(columns=["mel", "si_sdr"], judges=["mel"])
RATE = 44_100


@pytest.fixture
def clips(tmp_path):
    """Two clips of 1 s: a mono FLAC and a stereo WAV in a folder below, beside a text file."""
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "b.flac", tone + 0.01 * rng.standard_normal(len(tone)), RATE)
    stereo = np.stack([tone, 0.1 * rng.standard_normal(len(tone))], axis=1)
    soundfile.write(tmp_path / "in" / "a.wav", stereo, RATE)
    (tmp_path / "notes.txt").write_text("no sound")
    return tmp_path


@pytest.fixture
def stand_in(monkeypatch):
    """A nac whose files have 95 % of the bitrate and whose sound is 10 dB down, which only the gain shows."""

    def compress(source, target, bitrate):
        sound = soundfile.info(source)
        payload = int(0.95 * bitrate / 8 * sound.frames / sound.samplerate)
        target.write_bytes(bytes(payload))
        shutil.copy(source, f"{target}.source")

    def decompress(source, target):
        samples, rate = soundfile.read(f"{source}.source", always_2d=True)
        soundfile.write(target, samples * 10**-0.5, rate, subtype="FLOAT")

    monkeypatch.setitem(vars(nac_cli), "compress", compress)  # not setattr: it would load torch to look first
    monkeypatch.setitem(vars(nac_cli), "decompress", decompress)


def test_opus_gets_the_size_of_nacs_file(clips, stand_in):
    rows = compare(clips_in([clips]), rates=[12_000], opus_rates=[12_000, 24_000], mono=True, **FAST)
    assert [(row.clip, row.codec, row.target) for row in rows] == [
        (clip, codec, rate) for clip in ("b", "a") for codec, rate in
        (("nac", 12_000), ("opus", 12_000), ("opus", 24_000))
    ]
    for nac, matched, further in (rows[:3], rows[3:]):
        assert nac.bitrate == pytest.approx(0.95 * 12_000, rel=0.001)
        assert matched.bitrate == pytest.approx(nac.bitrate, rel=0.02)
        assert further.bitrate == pytest.approx(24_000, rel=0.02)
        assert nac.scores["si_sdr"] > 60 and nac.scores["mel"] == pytest.approx(7 * 0.5, abs=0.2)
        assert 0 < further.scores["mel"] < 3


def test_opus_alone_needs_no_nac(clips, monkeypatch):
    monkeypatch.setitem(vars(nac_cli), "compress", pytest.fail)
    rows = compare([clips / "b.flac"], ["opus"], [16_000], **FAST)
    assert [row.codec for row in rows] == ["opus"]
    assert rows[0].bitrate == pytest.approx(16_000, rel=0.02)


def test_a_codec_that_loses_samples_is_found_out(clips, stand_in, monkeypatch):
    def decompress(source, target):
        soundfile.write(target, np.zeros(99), RATE)

    monkeypatch.setitem(vars(nac_cli), "decompress", decompress)
    with pytest.raises(AudioError, match=r"\[1, 99\] samples for \[1, 44100\]"):
        through_nac(read_clip(clips / "b.flac"), 6000)


def test_a_bad_file_is_reported_and_the_rest_measured(clips):
    (clips / "broken.wav").write_bytes(b"RIFF, or not")
    warnings: list[str] = []
    rows = compare(clips_in([clips]), ["opus"], [16_000], warn=warnings.append, mono=True, **FAST)
    assert [row.clip for row in rows] == ["b", "a"]
    assert len(warnings) == 1 and "broken.wav" in warnings[0]
    with pytest.raises(AudioError):
        compare(clips_in([clips / "broken.wav"]), ["opus"], [16_000], **FAST)


def test_names_that_do_not_exist_are_refused(clips):
    for wrong in (dict(codecs=["flac"]), dict(judges=["ears"]), dict(columns=["taste"])):
        with pytest.raises(UsageError, match="there are"):
            compare([clips / "b.flac"], **{**FAST, **wrong})
    with pytest.raises(UsageError, match="no audio files"):
        (clips / "nothing").mkdir()
        clips_in([clips / "nothing"])


def test_a_missing_package_stops_before_the_work(clips, monkeypatch):
    monkeypatch.setitem(sys.modules, "zimtohrli", None)
    with pytest.raises(UsageError, match="zimtohrli"):
        compare([clips / "b.flac"], ["opus"], columns=["mel"], judges=["zimtohrli"], warn=pytest.fail)


def row(codec: str, score: float, target: int = 6000) -> Row:
    return Row("clip", codec, target, 5900.0, 100, "", {"mel": score})


def test_means_are_per_codec_and_rate_over_what_is_defined():
    rows = [row("nac", 1.0), row("opus", 4.0), row("nac", 2.0), row("nac", math.nan), row("nac", 9.0, 9000)]
    found = [(mean.codec, mean.target, mean.scores["mel"], mean.setting) for mean in means(rows)]
    assert found == [
        ("nac", 6000, 1.5, "3 clips"), ("opus", 6000, 4.0, "1 clips"), ("nac", 9000, 9.0, "1 clips")
    ]


def test_json_holds_no_nan_and_no_infinity(tmp_path):
    write_json([row("nac", math.inf), row("opus", math.nan)], tmp_path / "x.json")
    content = json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail)
    assert [entry["scores"]["mel"] for entry in content["rows"]] == [None, None]
    assert "numpy" in content["versions"]


def test_the_command_writes_rows_and_means(clips, stand_in):
    options = ["--mono", "--rates", "12", "--judges", "mel"]
    columns = ["clip", "codec", "target", "bitrate", "file_bytes", "setting", "mel", "si_sdr"]
    done = CliRunner().invoke(main, [str(clips / "b.flac"), *options, "--columns", "mel,si_sdr"])
    assert done.exit_code == 0, done.output
    table = list(csv.DictReader(done.stdout.splitlines()))
    assert list(table[0]) == columns
    assert [(line["clip"], line["codec"]) for line in table] == [
        ("b", "nac"), ("b", "opus"), ("mean", "nac"), ("mean", "opus")]
    stem = str(clips / "report")
    CliRunner().invoke(main, [str(clips), *options, "--columns", "mel", "-o", stem], catch_exceptions=False)
    assert len(json.loads((clips / "report.json").read_text())["rows"]) == 4
    assert len((clips / "report.csv").read_text().splitlines()) == 1 + 4 + 2


def test_the_command_says_which_file_failed(clips, stand_in):
    (clips / "broken.wav").write_bytes(b"RIFF, or not")
    done = CliRunner().invoke(main, [str(clips), "--codecs", "opus", "--rates", "16", "--judges", "mel",
                                     "--columns", "mel"])
    assert isinstance(done.exception, BatchFailed) and "broken.wav" in str(done.exception)
    assert len(done.stdout.splitlines()) == 1 + 2 + 1
