"""At which bitrate a peer is as good: against curves whose crossing is known."""

from __future__ import annotations

import math

import pytest

from nac_cli.bench.equal import crossing, equals
from nac_cli.bench.results import Row
from nac_cli.bench.summary import clip_table, equal_table, sentence, win_table, wins_of
from nac_cli.bench.tables import place_figure, place_text


def test_a_crossing_is_on_a_logarithmic_scale():
    assert crossing([1000, 4000], [1.0, 3.0], 2.0, higher=True) == ("=", pytest.approx(2000))
    assert crossing([1000, 4000], [3.0, 1.0], 2.0, higher=False) == ("=", pytest.approx(2000))
    assert crossing([1000, 4000], [1.0, 3.0], 1.0, higher=True) == ("=", 1000)
    assert crossing([1000, 4000], [1.0, 3.0], 3.0, higher=True) == ("=", pytest.approx(4000))


def test_beyond_the_ends_is_said():
    assert crossing([1000, 4000], [1.0, 3.0], 0.5, higher=True) == ("<", 1000)
    assert crossing([1000, 4000], [1.0, 3.0], 3.5, higher=True) == (">", 4000)


def test_the_lowest_bitrate_counts_where_a_curve_crosses_twice():
    assert crossing([1000, 2000, 4000, 8000], [1.0, 3.0, 1.0, 3.0], 2.0, higher=True)[1] == pytest.approx(
        2000**0.5 * 1000**0.5
    )


def rows(nac: float = 3.0, clips: int = 4, spread: float = 0.0) -> list[Row]:
    """Opus' ViSQOL is 1, 2, 3, 4 at 2, 4, 8, 16 kbit/s; that of nac at 6 is `nac`; clips differ by `spread`."""
    made = []
    for number in range(clips):
        extra = spread * (-1) ** number
        name = f"clip-{number}"
        made.append(Row(name, "nac", 6000, 6000.0, 1, "", {"visqol": nac + extra}))
        made += [
            Row(name, "opus", rate, float(rate), 1, "", {"visqol": score})
            for rate, score in ((2000, 1.0), (4000, 2.0), (8000, 3.0), (16_000, 4.0))
        ]
    return made


def test_nac_equals_opus_at():
    found = equals(rows(2.5), ["visqol"], ["opus"])[0]
    assert (found.relation, found.clips, found.target) == ("=", 4, 6000)
    assert found.peer_bitrate == pytest.approx(4000 * 2**0.5)
    assert found.interval == (pytest.approx(found.peer_bitrate), pytest.approx(found.peer_bitrate))
    assert place_text(found) == "at 5.7 kbit/s" and place_figure(found) == "5.7"
    assert place_figure(equals(rows(4.5), ["visqol"], ["opus"])[0]) == "> 16.0"


def test_the_interval_holds_what_other_clips_would_have_given():
    made = rows(2.5, clips=10, spread=0.5)
    low, high = equals(made, ["visqol"], ["opus"])[0].interval
    assert 4000 < low < 4000 * 2**0.5 < high < 8000
    assert equal_table(made, ["visqol"])[1] == [["Opus, 6 kbit/s", f"5.7 ({low / 1000:.1f} to {high / 1000:.1f})"]]


def test_only_clips_that_have_all_count():
    made = [row for row in rows(2.5) if not (row.clip == "clip-0" and row.target == 8000)]
    made[5].scores["visqol"] = math.nan  # nac's of the second clip
    assert equals(made, ["visqol"], ["opus"])[0].clips == 2
    assert equals(made, ["mel"], ["opus"]) == [] == equals(made, ["visqol"], ["mp3"])


def test_smoothing_is_worth_nothing_by_lines():
    made = [Row("a", "nac", 6000, 6000.0, 1, "", {"lines": 0.0})]
    made += [
        Row("a", "opus", rate, float(rate), 1, "", {"lines": score}) for rate, score in ((3000, -0.9), (6000, -0.1))
    ]
    assert equals(made, ["lines"], ["opus"])[0].peer_bitrate == 3000
    made[0].scores["lines"] = -2.0
    assert equals(made, ["lines"], ["opus"])[0].relation == "="


def test_wins_and_losses():
    made = [
        Row(c, codec, 6000, 6000.0, 1, "", {"mel": m})
        for c, codec, m in (
            ("a", "nac", 1.0),
            ("a", "opus", 2.0),
            ("b", "nac", 2.0),
            ("b", "opus", 1.0),
            ("c", "nac", 1.0),
        )
    ]
    assert wins_of(made, 6000, "opus", "mel") == (1, 1, 2)
    header, lines = win_table(made, ["mel", "visqol"])
    assert header == ["beside", "mel distance", "ViSQOL"] and lines == [["Opus, 6 kbit/s", "1 of 2", "–"]]
    alike = [*made, Row("c", "opus", 6000, 6000.0, 1, "", {"mel": 1.0})]
    assert win_table(alike, ["mel"])[1] == [["Opus, 6 kbit/s", "1 of 3 (1 alike)"]]
    assert [line["cells"][0] for line in clip_table(made, 6000, "opus", ["mel"])] == [
        {"text": "1.00 / 2.00 ▲", "kind": "win"},
        {"text": "2.00 / 1.00 ▼", "kind": "loss"},
    ]


def test_the_sentence():
    assert sentence(rows(2.5)).startswith("On 4 clips, nac at 6 kbit/s is as good as Opus at 5.7 kbit/s by ViSQOL.")
    assert sentence(rows(0.5)).startswith("On 4 clips, nac at 6 kbit/s is as good as Opus below 2.0 kbit/s by ViSQOL.")
    assert sentence(rows()[:1]) == "nac on 1 clip."


def test_the_sentence_tells_of_speech_too_and_of_how_many_clips():
    made = rows(2.5)
    for row in made:
        row.scores["pesq"] = 1.5 if row.codec == "nac" else 2.0
        if row.clip != "clip-0":
            row.scores["pesq"] = math.nan
    assert "below 2.0 kbit/s by PESQ wide (1 of them)" in sentence(made)
