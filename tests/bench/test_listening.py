"""The listening test: its sounds and its order, and the score of what listeners said."""

from __future__ import annotations

import base64
import json
import math

import numpy as np
import pytest
from scipy.signal import freqz

from nac_cli.bench.listen import ANCHOR, FORMAT, REFERENCE, low_anchor, write_test
from nac_cli.bench.loudness import loudness, match
from nac_cli.bench.score import Answer, read_answers, score
from nac_cli.errors import UsageError
from tests.helpers.reports import RATE, sound, write_results


def tone(hertz: float, level: float, seconds: float = 2.0) -> np.ndarray:
    return level * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE)[None]


def test_a_full_scale_sine_of_997_hz_is_3_lufs_down():
    """ITU-R BS.1770-4, annex 1: 0 dBFS in one channel gives -3.01 LKFS."""
    pytest.importorskip("pyloudnorm", reason="pyloudnorm is not installed (pip install 'nac-cli[bench]')")
    assert loudness(tone(997, 1.0), RATE) == pytest.approx(-3.01, abs=0.05)
    assert loudness(tone(997, 0.1), RATE) == pytest.approx(-23.01, abs=0.05)
    assert loudness(np.zeros((1, RATE)), RATE) == loudness(np.zeros((1, 9)), RATE) == -math.inf


def test_all_become_as_loud_as_the_reference():
    pytest.importorskip("pyloudnorm", reason="pyloudnorm is not installed (pip install 'nac-cli[bench]')")
    reference, *others = match(tone(500, 0.2), [tone(500, 0.02), tone(2000, 0.5), np.zeros((1, 2 * RATE))], RATE)
    assert loudness(others[0], RATE) == pytest.approx(loudness(reference, RATE), abs=0.01)
    assert loudness(others[1], RATE) == pytest.approx(loudness(reference, RATE), abs=0.01)
    assert not others[2].any()
    peaky = np.zeros((1, 2 * RATE))
    peaky[0, ::4000] = 1.0
    loud, spiky = match(tone(500, 0.9), [peaky], RATE)
    assert np.abs(spiky).max() <= 1 and loudness(loud, RATE) == pytest.approx(loudness(spiky, RATE), abs=0.05)


def test_the_low_anchor_meets_the_recommendation():
    """ITU-R BS.1534-3, section 5.1: flat within 0.1 dB to 3.5 kHz, 25 dB down at 4 kHz, 50 dB at 4.5 kHz."""
    impulse = np.zeros((1, RATE))
    impulse[0, RATE // 2] = 1
    response = low_anchor(impulse, RATE)
    assert response.argmax() == RATE // 2 and response.shape == impulse.shape
    frequencies, gain = freqz(response[0], worN=1 << 15, fs=RATE)
    decibels = 20 * np.log10(np.maximum(np.abs(gain), 1e-9))
    assert np.abs(decibels[frequencies < 3500]).max() < 0.1
    assert decibels[frequencies > 4000].max() < -25 and decibels[frequencies > 4500].max() < -50
    assert low_anchor(impulse, 8000) is impulse


def data_of(path) -> dict:
    return json.loads(path.read_text().split('id="data">')[1].split("</script>")[0])


@pytest.fixture
def report(tmp_path):
    for module in ("jinja2", "pyloudnorm"):
        pytest.importorskip(module, reason=f"{module} is not installed (pip install 'nac-cli[bench]')")
    return tmp_path, write_results(tmp_path).rows


def test_a_seed_is_an_order(report):
    folder, rows = report
    made = [write_test(folder, rows, [6000], seed=seed).read_text() for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]


def test_every_trial_has_what_it_needs_and_a_key(report):
    folder, rows = report
    path = write_test(folder, rows, [6000], seed=5)
    data = data_of(path)
    key = json.loads(base64.b64decode(data["key"]))
    kinds = [trial["kind"] for trial in data["trials"]]
    assert sorted(kinds) == ["abx"] * 4 + ["mushra"] * 2
    text = path.read_text()
    bodies = {
        part.split('"')[0]: part.split(">", 1)[1].split("<")[0] for part in text.split('type="text/plain" id="')[1:]
    }
    for trial, solution in zip(data["trials"], key):
        if trial["kind"] == "mushra":
            codecs = [stimulus["codec"] for stimulus in solution["sounds"]]
            assert sorted(codecs) == ["anchor", "nac", "opus", "reference"]
            assert bodies[trial["sounds"][codecs.index(REFERENCE)]] == bodies[trial["reference"]]
            assert bodies[trial["sounds"][codecs.index(ANCHOR)]] != bodies[trial["reference"]]
        else:
            other = {"a": "b", "b": "a"}[solution["answer"]]
            assert bodies[trial["x"]] == bodies[trial[solution["answer"]]] != bodies[trial[other]]


def test_what_is_asked_for_is_in_the_test(report):
    folder, rows = report
    data = data_of(write_test(folder, rows, [3000], ["nac"], ["abx"], clips=1))
    assert len(data["trials"]) == 1
    with pytest.raises(UsageError, match="no sounds"):
        write_test(folder, rows, [7000])


def said(listener: str, codec: str, *ratings: float) -> list[Answer]:
    return [Answer(listener, f"c{i}", codec, 6000, rating, None) for i, rating in enumerate(ratings)]


def test_means_and_intervals_are_those_of_student():
    """Mean 70, standard deviation 10, n 4: 3.182 x 10 / 2."""
    found = score(said("a", "nac", 70 - 15**0.5 * 2, 70, 70, 70 + 15**0.5 * 2)).ratings[0]
    assert (found.mean, found.count) == (pytest.approx(70), 4)
    assert found.half_width == pytest.approx(3.182 * (2 * 60 / 3) ** 0.5 / 2, rel=1e-3)
    assert score(said("a", "nac", 50)).ratings[0].half_width is None


@pytest.mark.parametrize(("below", "kept"), [(0, True), (1, True), (2, False)])
def test_who_misses_the_reference_in_a_fifth_of_the_cases_is_set_aside(below, kept):
    ratings = [89.0] * below + [90.0] * (10 - below)
    found = score([*said("a", REFERENCE, *ratings), *said("a", "nac", 50), *said("b", "nac", 70)])
    assert (not found.rejected) == kept
    assert [r.mean for r in found.ratings if r.codec == "nac"] == [60 if kept else 70]


@pytest.mark.parametrize(("above", "kept"), [(5, True), (6, False)])
def test_who_likes_the_anchor_in_more_than_half_of_the_cases_is_set_aside(above, kept):
    found = score(said("a", ANCHOR, *[81.0] * above, *[80.0] * (10 - above)))
    assert (not found.rejected) == kept


def test_abx_is_a_binomial_test():
    answers = [Answer("a", "c", "nac", 6000, None, i < 9) for i in range(10)]
    found = score(answers).discriminations[0]
    assert (found.correct, found.count) == (9, 10)
    assert found.p_value == pytest.approx(11 / 1024)
    assert found.interval == (pytest.approx(0.5958, abs=1e-3), pytest.approx(0.9821, abs=1e-3))  # Wilson


def test_the_reference_comes_first_and_the_anchor_last():
    answers = [*said("a", ANCHOR, 10), *said("a", "opus", 50), *said("a", REFERENCE, 100), *said("a", "nac", 60)]
    assert [rating.codec for rating in score(answers).ratings] == ["reference", "nac", "opus", "anchor"]


GOOD = {"kind": "mushra", "clip": "c", "codec": "nac", "target": 6000, "rating": 5}


@pytest.mark.parametrize("wrong", [
    b"", b"{", b"[]", b"\xff\xfe", b"listener,clip\r\n", b"test,listener\r\n1,2\r\n", b"{" * 100_000,
    *(json.dumps({"format": FORMAT, "listener": "a", "answers": [GOOD | change]}).encode() for change in
      ({"rating": 101}, {"rating": "x"}, {"rating": None}, {"correct": True}, {"target": "x"},
       {"rating": float("nan")})),
    json.dumps({"format": "another", "listener": "a", "answers": []}).encode(),
    json.dumps({"format": FORMAT, "listener": "a", "answers": 5}).encode(),
    json.dumps({"format": FORMAT, "listener": "a", "answers": [5]}).encode(),
])  # fmt: skip
def test_files_that_are_no_answers_are_refused(wrong, tmp_path):
    (tmp_path / "x.json").write_bytes(wrong)
    with pytest.raises(UsageError, match=r"x\.json: no answers"):
        read_answers(tmp_path / "x.json")


def test_sounds_of_the_reports_in_tests_differ():
    assert not np.array_equal(sound(0), sound(1))
