"""A comparison end to end, with a stand-in for the codec."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import shutil

import numpy as np
import pytest
import soundfile

import nac_cli
from nac_cli.bench import compare as compare_module
from nac_cli.bench.clips import Clip, clips_in, read_clip
from nac_cli.bench.compare import Plan, compare
from nac_cli.bench.nac import through_nac
from nac_cli.bench.peers import PEERS
from nac_cli.bench.peers.opus import OPUS_SETTINGS
from nac_cli.bench.results import Row, from_plain, means, plain, write_csv, write_json
from nac_cli.bench.store import Store, folder_name
from nac_cli.errors import AudioError, UsageError
from nac_cli.pipelines.split import Split
from tests.helpers.codecs import write_family_model, write_tiny_model

FAST = dict(columns=("mel", "si_sdr"), judges=("mel",))
RATE = 44_100
SPLIT = Split(100.0, 50.0, (1.0, 2.0), 3.0, {"packed": 1})


@pytest.fixture
def clips(tmp_path):
    """Two clips of 1 s: a mono FLAC and a stereo WAV in a folder below, beside a text file."""
    rng = np.random.default_rng(0)
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)
    (tmp_path / "in" / "music").mkdir(parents=True)
    soundfile.write(tmp_path / "in" / "speech-b.flac", tone + 0.01 * rng.standard_normal(len(tone)), RATE)
    stereo = np.stack([tone, 0.1 * rng.standard_normal(len(tone))], axis=1)
    soundfile.write(tmp_path / "in" / "music" / "a.wav", stereo, RATE)
    (tmp_path / "in" / "notes.txt").write_text("no sound")
    return tmp_path / "in"


@pytest.fixture(autouse=True)
def model(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("models")
    path = write_tiny_model(folder)
    monkeypatch.setenv("NAC_MODELS", str(folder))
    return str(path)


@pytest.fixture(autouse=True)
def two_settings(monkeypatch):
    """Of Opus, as tests of peers try them all."""
    opus = dataclasses.replace(PEERS["opus"], settings=lambda target, channels: OPUS_SETTINGS[:2])
    monkeypatch.setitem(PEERS, "opus", opus)


@pytest.fixture
def stand_in(monkeypatch):
    """A nac whose files have 95 % of the bitrate and whose sound is 10 dB down, which only the gain shows."""

    class Report:
        elapsed = 0.5

    def compress(source, target, *, bitrate, **options):
        sound = soundfile.info(source)
        payload = int(0.95 * bitrate / 8 * sound.frames / sound.samplerate)
        target.write_bytes(bytes(payload))
        shutil.copy(source, f"{target}.source")
        return Report

    def decompress(source, target, **options):
        samples, rate = soundfile.read(f"{source}.source", always_2d=True)
        soundfile.write(target, samples * 10**-0.5, rate, subtype="FLOAT")
        return Report

    monkeypatch.setitem(vars(nac_cli), "compress", compress)  # not setattr: it would load torch to look first
    monkeypatch.setitem(vars(nac_cli), "decompress", decompress)
    monkeypatch.setattr("nac_cli.bench.nac.split_of", lambda path: SPLIT)


def plan(model: str, **changes) -> Plan:
    return Plan(**{"model": model, "mono": True, **FAST, **changes})


def test_opus_gets_the_size_of_nacs_file(clips, stand_in, model):
    rows = compare(clips_in([clips]), plan(model, rates=(12_000,), peer_rates=(12_000, 24_000)))
    assert [(row.clip, row.domain, row.codec, row.target) for row in rows] == [
        (clip, domain, codec, rate) for clip, domain in (("a", "music"), ("speech-b", "speech")) for codec, rate in
        (("nac", 12_000), ("opus", 12_000), ("opus", 24_000))
    ]  # fmt: skip
    for nac, matched, further in (rows[:3], rows[3:]):
        assert nac.bitrate == pytest.approx(0.95 * 12_000, rel=0.001)
        assert nac.encode_speed == pytest.approx(2) and nac.split["coder"] == 3
        assert matched.met and matched.bitrate == pytest.approx(nac.bitrate, rel=0.02)
        assert further.met and further.bitrate == pytest.approx(24_000, rel=0.02)
        assert nac.scores["si_sdr"] > 60 and nac.scores["mel"] == pytest.approx(7 * 0.5, abs=0.2)
        assert 0 < further.scores["mel"] < 3


def test_a_run_that_was_stopped_goes_on_where_it_was(clips, stand_in, model, tmp_path, monkeypatch):
    store, chosen = Store(tmp_path / "report"), clips_in([clips])
    whole = compare(chosen, plan(model), store)
    (tmp_path / "report" / "results" / "a" / "opus-6000.json").write_text("{half a fi")
    (tmp_path / "report" / "sounds" / "speech-b" / "nac-6000.flac").unlink()
    measured = []
    through = compare_module._measured
    monkeypatch.setattr(
        compare_module, "_measured", lambda task, *rest: measured.append(task.clip.name) or through(task, *rest)
    )
    resumed = []
    again = compare(chosen, plan(model), store, progress=lambda done, count, whole: resumed.append(done.resumed))
    assert measured == ["a", "speech-b"] and resumed == [1, 1]
    assert [row.scores for row in again] == [row.scores for row in whole]
    assert not list((tmp_path / "report").rglob("*.[0-9]*"))
    for change in (dict(mono=False), dict(judges=("si_sdr",)), dict(columns=("mel",))):
        measured.clear()
        compare(chosen[:1], plan(model, **change), store)
        assert measured, f"{change} gives other figures"


def test_a_changed_clip_is_measured_again(clips, stand_in, model, tmp_path):
    store, path = Store(tmp_path / "report"), clips / "speech-b.flac"
    before = compare(clips_in([path]), plan(model), store)[0].scores
    samples, rate = soundfile.read(path)
    soundfile.write(path, samples[::-1] * 0.5, rate)
    assert compare(clips_in([path]), plan(model), store)[0].scores != before


def test_several_processes_give_the_same_rows(clips, model, tmp_path):
    rates = dict(codecs=("aac",), rates=(16_000, 24_000))
    one, two = (compare(clips_in([clips]), plan(model, **rates), jobs=jobs) for jobs in (1, 2))
    assert [(r.clip, r.target, r.scores, r.setting) for r in one] == [
        (r.clip, r.target, r.scores, r.setting) for r in two
    ]


def test_the_bits_of_a_file_add_up(clips, model):
    waveform = read_clip(clips / "music" / "a.wav")
    result, split = through_nac(waveform, 8000, model)
    assert result.decoded.shape == waveform.samples.shape
    detail = split.coefficients + split.gains + split.blocks
    assert split.container + split.side + sum(split.planes) + split.coder + detail == pytest.approx(result.bitrate)
    assert split.coefficients > 0
    assert split.container > 0 and split.side > 0 and split.planes[0] > 0 and sum(split.modes.values()) == 1


def test_opus_alone_needs_no_nac(clips, monkeypatch):
    monkeypatch.setitem(vars(nac_cli), "compress", pytest.fail)
    rows = compare(clips_in([clips / "speech-b.flac"]), Plan(codecs=("opus",), rates=(16_000,), **FAST))
    assert [row.codec for row in rows] == ["opus"]
    assert rows[0].bitrate == pytest.approx(16_000, rel=0.02)


def test_a_codec_that_loses_samples_is_found_out(clips, stand_in, monkeypatch):
    decompress = vars(nac_cli)["decompress"]

    def lossy(source, target, **options):
        soundfile.write(target, np.zeros(99), RATE)
        return decompress(source, f"{target}.wav")

    monkeypatch.setitem(vars(nac_cli), "decompress", lossy)
    with pytest.raises(AudioError, match=r"\[1, 99\] samples for \[1, 44100\]"):
        through_nac(read_clip(clips / "speech-b.flac"), 6000)


def test_a_bad_file_is_reported_and_the_rest_measured(clips):
    (clips / "broken.wav").write_bytes(b"RIFF, or not")
    only = Plan(codecs=("opus",), rates=(16_000,), mono=True, **FAST)
    warnings: list[str] = []
    rows = compare(clips_in([clips]), only, warn=warnings.append)
    assert [row.clip for row in rows] == ["a", "speech-b"]
    assert len(warnings) == 1 and "broken.wav" in warnings[0]
    with pytest.raises(AudioError):
        compare(clips_in([clips / "broken.wav"]), only)


def test_where_nac_has_no_file_so_small_the_peers_are_measured_all_the_same(clips, model):
    warnings: list[str] = []
    rows = compare(clips_in([clips / "speech-b.flac"]), plan(model, rates=(300,)), warn=warnings.append)
    assert [row.codec for row in rows] == ["opus"] and "nac at 0.3 kbit/s" in warnings[0]


@pytest.mark.parametrize(("target", "depth"), [(200, 1), (1300, None), (9000, 4)])
def test_a_neural_peer_out_of_its_range_has_its_nearest_file(target, depth, clips, tmp_path, monkeypatch):
    """DAC's smallest preset: 1.2 to 2.1 kbit/s, one plane to four, of one second."""
    name = "dac-tiny"
    write_family_model(tmp_path, name)
    monkeypatch.setenv("NAC_MODELS", str(tmp_path))
    only = Plan(codecs=("dac",), rates=(target,), mono=True, **FAST)
    (row,) = compare(clips_in([clips / "speech-b.flac"]), only)
    assert row.setting == f"--model {name} " + (f"-q {depth}" if depth else f"-b {target}")
    assert row.met == (depth is None)
    assert row.bitrate > target if depth == 1 else row.bitrate <= target


def test_speech_metrics_are_for_speech(clips, monkeypatch):
    monkeypatch.setitem(
        compare_module.METRICS, "mel", dataclasses.replace(compare_module.METRICS["mel"], speech_only=True)
    )
    only = Plan(codecs=("opus",), rates=(16_000,), mono=True, columns=("mel",), judges=())
    scores = {row.clip: row.scores["mel"] for row in compare(clips_in([clips]), only)}
    assert math.isnan(scores["a"]) and scores["speech-b"] > 0


def test_names_that_do_not_exist_are_refused(clips):
    for wrong in (dict(codecs=("flac",)), dict(judges=("ears",)), dict(columns=("taste",))):
        with pytest.raises(UsageError, match="there are"):
            Plan(**{**FAST, **wrong})
    with pytest.raises(UsageError, match="no audio files"):
        (clips / "nothing").mkdir()
        clips_in([clips / "nothing"])


def test_clips_of_one_name_are_told_apart(tmp_path):
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        soundfile.write(tmp_path / folder / "same.wav", np.zeros(9), RATE)
    assert [(clip.name, clip.domain) for clip in clips_in([tmp_path])] == [("same-1", "x"), ("same-2", "y")]


@pytest.mark.parametrize("name", ["..", "a/b", "", "x" * 300, "lückenhaft", "\udcff"])
def test_any_name_is_a_folder(name, tmp_path):
    (tmp_path / folder_name(name)).mkdir()
    assert folder_name(name) not in ("..", ".") and len(list(tmp_path.iterdir())) == 1


def row(codec: str, score: float, target: int = 6000, **values) -> Row:
    return Row("clip", codec, target, 5900.0, 100, "", {"mel": score}, **values)


def test_means_are_per_codec_and_rate_over_what_is_defined_and_finite():
    rows = [row("nac", 1.0), row("opus", 4.0), row("nac", 2.0), row("nac", math.nan), row("nac", 9.0, 9000)]
    rows.append(row("nac", -math.inf))
    found = [(mean.codec, mean.target, mean.scores["mel"], mean.setting) for mean in means(rows)]
    assert found == [("nac", 6000, 1.5, "4 clips"), ("opus", 6000, 4.0, "1 clips"), ("nac", 9000, 9.0, "1 clips")]
    rows = [row("nac", 1.0, domain="speech"), row("nac", 3.0, domain="music")]
    assert [mean.scores["mel"] for mean in means(rows, "music")] == [3.0]


def test_json_holds_no_nan_and_no_infinity_and_comes_back(tmp_path):
    split = {"container": 1.0, "side": 2.0, "planes": [3.0, 0.0], "coder": 1, "modes": {"lm": 2}}
    rows = [row("nac", math.inf), row("opus", math.nan), row("aac", 2.5, encode_seconds=1.0, split=split)]
    write_json(rows, tmp_path / "x.json", {"plan": {"mono": True}})
    content = json.loads((tmp_path / "x.json").read_text(), parse_constant=pytest.fail)
    assert [entry["scores"]["mel"] for entry in content["rows"]] == ["inf", None, 2.5]
    assert from_plain(content["rows"][0]).scores["mel"] == math.inf
    assert "numpy" in content["versions"] and content["plan"] == {"mono": True}
    again = from_plain(content["rows"][2])
    assert plain(again) == plain(rows[2]) and again.encode_seconds == 1.0


def test_csv_has_rows_and_means():
    file = io.StringIO()
    write_csv([row("nac", 1.0), row("nac", 2.0)], file)
    table = list(csv.DictReader(file.getvalue().splitlines()))
    assert [(line["clip"], line["mel"]) for line in table] == [
        ("clip", "1.0000"),
        ("clip", "2.0000"),
        ("mean", "1.5000"),
    ]
    assert list(table[0])[:5] == ["clip", "codec", "target", "bitrate", "file_bytes"]


def test_a_clip_that_is_gone_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"gone\.wav"):
        Clip(tmp_path / "gone.wav", "gone", "all").digest()
