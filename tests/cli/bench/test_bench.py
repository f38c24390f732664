"""`nac bench` from the command line."""

from __future__ import annotations

import csv
import dataclasses
import json
import sys

import numpy as np
import pytest
import soundfile

from nac_cli.bench.metrics import METRICS
from nac_cli.bench.peers import PEERS
from nac_cli.bench.peers.opus import OPUS_SETTINGS
from tests.cli.conftest import lines
from tests.helpers.codecs import TINY
from tests.helpers.reports import write_results

FAST = ["--metrics", "mel,si_sdr", "--judges", "mel", "--model", TINY, "--without-memory"]


@pytest.fixture
def clip(tmp_path):
    sound = 0.1 * np.random.default_rng(0).standard_normal(66_150)
    soundfile.write(tmp_path / "speech-a.wav", sound, 44_100)
    return tmp_path / "speech-a.wav"


@pytest.fixture(autouse=True)
def one_setting(monkeypatch):
    """Of Opus, as tests of peers try them all."""
    opus = dataclasses.replace(PEERS["opus"], settings=lambda target, channels: OPUS_SETTINGS[:1])
    monkeypatch.setitem(PEERS, "opus", opus)


@pytest.fixture
def page_packages():
    for module in ("bokeh", "jinja2", "pyloudnorm"):
        pytest.importorskip(module, reason=f"{module} is not installed (pip install 'nac-cli[bench]')")


def test_paths_are_measured_without_saying_run(nac, clip):
    for command in (["bench"], ["bench", "run"]):
        result = nac(*command, clip, "--rates", "2", "--peers", "opus", *FAST, "--quiet")
        assert result.exit_code == 0, result.stderr
        table = [line.split() for line in result.stdout.splitlines()]
        assert [line[0] for line in table] == ["CODEC", "nac", "Opus"] * 2 and not result.stderr


def test_json_has_a_line_for_each_result(nac, clip):
    result = nac("bench", clip, "--rates", "2", "--peers", "none", *FAST, "--json")
    assert result.exit_code == 0, result.stderr
    (row,) = lines(result)
    assert (row["clip"], row["codec"], row["domain"]) == ("speech-a", "nac", "speech")
    assert row["split"]["planes"][0] > 0 and row["encode_seconds"] > 0 and row["peak_bytes"] is None


def test_memory_is_that_of_each_codec_alone(nac, clip):
    fast = [word for word in FAST if word != "--without-memory"]
    rows = lines(nac("bench", clip, "--rates", "2", "--peers", "opus", *fast, "--json"))
    ours, opus = (row["peak_bytes"] for row in rows)
    assert 20_000_000 < opus < ours / 2, "nac has PyTorch to load"


def test_a_folder_gets_table_json_and_page(nac, clip, tmp_path, page_packages):
    report = tmp_path / "report"
    args = ["bench", clip, "--rates", "2", "--peers", "opus", "--mono", *FAST, "-o", report]
    result = nac(*args)
    assert result.exit_code == 0, result.stderr
    table = list(csv.DictReader((report / "results.csv").read_text().splitlines()))
    assert [line["codec"] for line in table] == ["nac", "opus"] * 2 and {line["clip"] for line in table[2:]} == {"mean"}
    content = json.loads((report / "results.json").read_text())
    assert len(content["rows"]) == 2 and content["plan"]["mono"]
    before = (report / "report.html").read_text()
    assert "speech-a" in before
    assert nac(*args).exit_code == 0 and json.loads((report / "results.json").read_text()) == content
    (report / "report.html").unlink()
    assert nac("bench", "report", report).exit_code == 0 and (report / "report.html").exists()


def test_a_peer_that_is_absent_is_named(nac, clip, tmp_path, monkeypatch, page_packages):
    monkeypatch.setenv("PATH", "")
    absent = ["fdkaac", "lyra", "encodec", "dac", "snac", "taae"]
    result = nac("bench", clip, "--rates", "2", "--peers", ",".join(absent), *FAST, "-o", tmp_path / "report")
    assert result.exit_code == 0
    page = (tmp_path / "report" / "report.html").read_text()
    assert all(f"without {name}: " in result.stderr and f"Without {name}: " in page for name in absent)


def test_a_metric_whose_package_is_missing_is_named(nac, clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "zimtohrli", None)
    result = nac("bench", clip, "--metrics", "mel,zimtohrli", "--judges", "mel")
    assert result.exit_code == 2 and "pip install 'nac-cli[bench]'" in result.stderr
    monkeypatch.setitem(METRICS, "visqol", METRICS["mel"])  # which would take its time
    none = ["--peers", "none", "--judges", "mel", "--model", TINY, "--without-memory"]
    result = nac("bench", clip, "--rates", "2", *none)
    assert result.exit_code == 0 and "without zimtohrli" in result.stderr


def test_a_page_whose_package_is_missing_is_named(nac, tmp_path, monkeypatch):
    write_results(tmp_path)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    monkeypatch.setitem(sys.modules, "bokeh", None)
    result = nac("bench", "report", tmp_path)
    assert result.exit_code == 1 and "pip install 'nac-cli[bench]'" in result.stderr


def test_a_bad_clip_is_said_and_the_rest_measured(nac, clip):
    (clip.parent / "broken.wav").write_bytes(b"RIFF, or not")
    result = nac("bench", clip.parent, "--rates", "2", "--peers", "none", *FAST)
    assert result.exit_code == 11 and "broken.wav" in result.stderr and "nac" in result.stdout


@pytest.mark.parametrize("wrong", [
    ["--rates", "x"], ["--rates", "0"], ["--rates", "1e9"], ["--rates", "inf"], ["--rates", "nan"], ["--rates", ""],
    ["--metrics", "taste"], ["--judges", "ears"], ["--peers", "flac"], ["--jobs", "0"],
])  # fmt: skip
def test_what_makes_no_sense_is_refused(nac, clip, wrong):
    result = nac("bench", clip, *wrong)
    assert result.exit_code == 2 and "Traceback" not in result.stderr


def test_listening_and_its_score(nac, tmp_path, page_packages):
    write_results(tmp_path)
    assert nac("bench", "listen", tmp_path, "--rates", "6", "--kind", "abx", "--clips", 1).exit_code == 0
    assert (tmp_path / "listen.html").exists()
    assert nac("bench", "listen", tmp_path, "--codecs", "flac").exit_code == 2
    answers = [
        {"kind": "mushra", "clip": "a", "codec": codec, "target": target, "rating": rating}
        for codec, target, rating in (("reference", 0, 95), ("nac", 6000, 60), ("anchor", 0, 20))
    ]
    answers.append({"kind": "abx", "clip": "a", "codec": "nac", "target": 6000, "correct": True})
    from nac_cli.bench.listen import FORMAT

    (tmp_path / "a.json").write_text(json.dumps({"format": FORMAT, "listener": "a", "answers": answers}))
    result = nac("bench", "score", tmp_path / "a.json")
    assert result.exit_code == 0 and "nac        6" in result.stdout and "1 of 1" in result.stdout
    assert lines(nac("bench", "score", tmp_path / "a.json", "--json"))[0]["listeners"] == ["a"]
    (tmp_path / "b.json").write_text("{}")
    assert nac("bench", "score", tmp_path / "b.json").exit_code == 2


def test_codes_and_speed(nac, clip):
    result = nac("bench", "codes", clip, "--model", TINY, "--threads", 1)
    assert result.exit_code == 0 and result.stdout.splitlines()[0].startswith("PLANE")
    found = lines(nac("bench", "codes", clip, "--model", TINY, "--threads", 1, "--json"))[0]
    assert 0 < found["planes"][0]["normalised"] <= 1
    args = [
        "--model",
        TINY,
        "-b",
        "2kbps",
        "--batches",
        "1",
        "--repeats",
        1,
        "--lengths",
        "1",
        "--files",
        0,
        "--device",
        "cpu",
        "--threads",
        1,
    ]
    result = nac("bench", "speed", clip, *args, "--quiet")
    assert result.exit_code == 0 and "encode" in result.stdout and "OF THE PEAK" in result.stdout
    assert nac("bench", "speed", clip, "--batches", "0").exit_code == 2
