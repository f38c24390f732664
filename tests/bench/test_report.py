"""The page: it has all it needs, says what was measured, and takes nothing for markup."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
import shutil

import numpy as np
import pytest

from nac_cli.bench.charts import _once_under_the_floor
from nac_cli.bench.pictures import DEPTH, HEIGHT, TOP_HERTZ, WIDTH, _levels
from nac_cli.bench.report import PAGE, read_results, write_report
from nac_cli.bench.results import Row, write_json
from nac_cli.bench.sounds import pack
from nac_cli.errors import AudioError, UsageError
from tests.helpers.reports import RATE, sound, write_results

pytest.importorskip("bokeh", reason="bokeh is not installed (pip install 'nac-cli[bench]')")
pytest.importorskip("jinja2", reason="jinja2 is not installed (pip install 'nac-cli[bench]')")


SPLIT = {
    "container": 100.0, "side": 50.0, "planes": [1000.0, 500.0, 0.0], "coder": 3.0, "modes": {"lm": 2},
    "coefficients": 2000.0, "gains": 250.0, "blocks": 30.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("report")
    write_report(made, write_results(made))
    return made


def test_the_page_needs_nothing_from_outside(folder):
    page = (folder / PAGE).read_text()
    assert "default-src 'none'" in page
    tags = re.findall(
        r"<(?:script|link|img|audio|iframe)[^>]*>", re.sub(r"<script[^>]*>.*?</script>", "<script>", page, flags=re.S)
    )
    assert all("src=" not in tag or 'src="data:' in tag for tag in tags) and not any("href=" in tag for tag in tags)


def test_the_page_says_what_was_measured(folder):
    page = (folder / PAGE).read_text()
    assert "On 2 clips, nac at 6 kbit/s is as good as Opus" in page
    for said in (
        "music-a",
        "speech-b",
        "ViSQOL",
        "mel distance",
        "FLAC, 16 bits",
        "Measured: Opus 3.0, 5.9 kbit/s.",
        "Spectrogram of music-a: nac 5.9 kbit/s",
    ):
        assert said in page, said
    assert page.count("<h3") == 2 and page.count('type="text/plain"') == 2 * 5


def test_names_are_text_and_no_markup(tmp_path):
    write_report(tmp_path, write_results(tmp_path, clips=("<script>alert(1)</script>", 'a"b')))
    page = (tmp_path / PAGE).read_text()
    assert "<script>alert(1)" not in page and "&lt;script&gt;alert(1)" in page


def scripts_of(page: str) -> list[str]:
    """The texts of all scripts that a browser would run."""
    return re.findall(r"<script>(.*?)</script>", page, flags=re.S)


def test_the_page_runs_its_own_scripts_and_no_other(folder):
    page = (folder / PAGE).read_bytes().decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1]
    allowed = re.search(r"script-src ([^;]*)", policy)[1].split()
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts_of(page)]
    assert allowed == [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests] and len(allowed) >= 3
    assert "\r" not in "".join(scripts_of(page)), "which a browser would change before it takes the digest"
    assert not re.search(r"<[^>]* on\w+=", re.sub(r"<script.*?</script>", "", page, flags=re.S)), "no other script"


def test_floors_and_what_was_left_out_are_said(tmp_path):
    rows = [
        Row("a", "nac", 3000, 3000.0, 1, "", {"mel": 1.0}),
        Row("a", "mp3", 3000, 8400.0, 1, "", {"mel": 5.0}, met=False),
    ]
    write_json(rows, tmp_path / "results.json", {"left_out": ["b.wav: cannot read the clip"]})
    page = write_report(tmp_path, read_results(tmp_path)).read_text()
    assert "MP3 has no files as small as 3 kbit/s for some clips; its floor here is 8.4 kbit/s" in page
    assert "b.wav: cannot read the clip" in page and "8.40*" in page


def test_ceilings_infinities_absent_peers_and_memory_are_said(tmp_path):
    rows = [
        Row("a", "nac", 9000, 9000.0, 1, "", {"side_si_sdr": 3.0}, peak_bytes=600_000_000, split=SPLIT),
        Row("a", "snac", 9000, 2600.0, 1, "-q 3", {"side_si_sdr": -math.inf}, met=False),
    ]
    write_json(rows, tmp_path / "results.json", {"absent": {"lyra": "it is not there"}})
    page = write_report(tmp_path, read_results(tmp_path)).read_text()
    assert "snac has no files of 9 kbit/s for some clips; the nearest that it has stands for it" in page
    assert "snac has 1 infinite figures of side SI-SDR dB" in page and "3.00 / -∞ ▲" in page
    assert "Without lyra: it is not there." in page
    costs, bits = (
        re.findall(r"<t[hd](?: [^>]*)?>([^<]*)", page.split(start)[-1]) for start in ("Speed and memory", 'id="bits"')
    )
    assert costs[6:12] == ["nac", "9", "9.00", "–", "–", "600"]
    assert costs[12:18] == ["snac", "9", "2.60*", "–", "–", "–"]
    assert bits[10:20] == ["9", "9.00", "0.100", "0.050", "0.003", "0.030", "0.250", "2.000", "2 lm", "1.00, 0.50"]


def test_a_sound_that_comes_twice_is_in_the_page_once(tmp_path):
    write_results(tmp_path, clips=("a",), codecs=("nac", "mp3"))
    shutil.copy(tmp_path / "sounds/a/mp3-3000.flac", tmp_path / "sounds/a/mp3-6000.flac")
    page = write_report(tmp_path, read_results(tmp_path)).read_text()
    assert page.count('type="text/plain"') == 4 and page.count('type="radio"') == 5
    assert len(set(re.findall('value="(sound-[0-9]+)" data-rate="[0-9]+" data-codec="mp3"', page))) == 1


def test_a_codecs_floor_is_drawn_once():
    rows = [
        Row("a", "mp3", target, rate, 1, "", {"mel": 5.0})
        for target, rate in ((3000, 8400.0), (6000, 8400.0), (9000, 9100.0))
    ]
    assert [row.target for row in _once_under_the_floor(rows)] == [6000, 9000]


@pytest.mark.parametrize(
    "wrong", ["", "[]", "{}", '{"rows": [{"clip": "a"}], "versions": {}}', '{"rows": 5, "versions": {}}']
)
def test_a_folder_without_results_is_refused(tmp_path, wrong):
    (tmp_path / "results.json").write_text(wrong)
    with pytest.raises(UsageError, match="no results of `nac bench`"):
        read_results(tmp_path)


def test_a_sound_that_is_gone_is_an_error_and_no_traceback(tmp_path):
    results = write_results(tmp_path)
    (tmp_path / results.rows[0].sound).unlink()
    with pytest.raises(AudioError):
        write_report(tmp_path, results)


def test_sounds_keep_to_their_budget(tmp_path):
    results = write_results(tmp_path)
    paths = [tmp_path / row.sound for row in results.rows]
    exact = pack(paths, 1 << 30)
    assert exact.form == "FLAC, 16 bits" and exact.left_out == 0
    whole = sum(map(len, exact.texts))
    smaller = pack(paths, whole // 2)
    assert smaller.form.startswith("Opus") and smaller.left_out == 0 and sum(map(len, smaller.texts)) <= whole // 2
    least = pack(paths, 200_000)
    assert 0 < least.left_out < len(paths) and sum(len(text) for text in least.texts if text) <= 200_000


@pytest.mark.parametrize(("hertz", "level"), [(1000, 0), (10_000, -30), (19_000, -60)])
def test_a_spectrogram_shows_a_tone_where_it_is(hertz, level):
    t = np.arange(3 * RATE) / RATE
    picture = _levels(10 ** (level / 20) * np.sin(2 * np.pi * hertz * t), RATE)
    assert picture.shape == (HEIGHT, WIDTH)
    row = picture[:, WIDTH // 2].argmax()
    assert abs((HEIGHT - 0.5 - row) / HEIGHT * TOP_HERTZ - hertz) < 2 * TOP_HERTZ / HEIGHT
    assert picture[row, WIDTH // 2] == pytest.approx(255 * (1 + level / DEPTH), abs=12)


@pytest.mark.parametrize("length", [1, 100, 2048, 5000])
@pytest.mark.parametrize("rate", [8000, 48_000])
def test_short_sounds_have_a_spectrogram(length, rate):
    assert _levels(sound(0)[0, :length], rate).shape == (HEIGHT, WIDTH)


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": "mystery"},
        {"sound": "../../secret.flac"},
        {"sound": "/etc/passwd"},
        {"clip": 3},
        {"target": "many"},
        {"target": 0},
        {"bitrate": 1e400},
        {"file_bytes": -1},
        {"channels": None},
        {"encode_seconds": "soon"},
        {"scores": {"mystery": 1.0}},
        {"scores": []},
        {"split": {"planes": 3}},
        {"split": {"planes": [], "modes": {}, "container": "x", "side": 0, "coder": 0}},
        {"unknown": 1},
    ],
    ids=str,
)
def test_results_of_a_stranger_are_checked(tmp_path, changes):
    """A page would have any sound file of the reader's in it."""
    write_results(tmp_path)
    path = tmp_path / "results.json"
    found = json.loads(path.read_text())
    found["rows"][1] |= changes
    path.write_text(json.dumps(found))
    with pytest.raises(UsageError, match="no results of"):
        read_results(tmp_path)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"rows": [], "versions": []}', '{"rows": {}}'])
def test_another_file_is_no_results(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(UsageError, match="no results of"):
        read_results(tmp_path)
