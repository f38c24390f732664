"""A listening test end to end: a scripted listener answers by hand and by keys, and the score says what it said."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from nac_cli.bench.score import read_answers, score
from nac_cli.cli.main import main
from tests.browser.patience import until
from tests.helpers.reports import write_results

KEY = "JSON.parse(atob(test.key))"
OPINIONS = {"reference": 100, "anchor": 20, "nac": 75, "opus": 60}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    for module in ("jinja2", "pyloudnorm"):
        pytest.importorskip(module, reason=f"{module} is not installed (pip install 'nac-cli[bench]')")
    folder = tmp_path_factory.mktemp("report")
    write_results(folder)
    done = CliRunner().invoke(main, ["bench", "listen", str(folder), "--rates", "6", "--seed", "3"])
    assert done.exit_code == 0, done.output
    return folder


def go(page, number: int) -> None:
    until(page, f"index === {number}")


def answer(page, solution: dict) -> None:
    """As somebody who hears everything."""
    if "answer" in solution:
        page.get_by_label(f"X is {solution['answer'].upper()}").check()
        return
    for i, sound in enumerate(solution["sounds"]):
        page.get_by_label(f"Rating of sound {i + 1}").fill(str(OPINIONS[sound["codec"]]))


def test_a_listener_gets_from_the_first_page_to_a_score(report, open_page, tmp_path):
    page = open_page(report / "listen.html")
    page.get_by_label("Your name").fill("Ann")
    page.get_by_role("button", name="Begin").click()
    key = page.evaluate(KEY)
    assert len(key) == 6  # two clips: one rating each, and nac and Opus in ABX
    for number, solution in enumerate(key):
        go(page, number)
        page.get_by_role("button", name="Next").click()
        assert page.evaluate("index") == number and page.locator("#message").text_content()
        answer(page, solution)
        page.get_by_role("button", name="Next").click()
    page.wait_for_selector("#done:not([hidden])")
    answers = []
    for name in ("JSON", "CSV"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"Download {name}").click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        answers.append(read_answers(path))
    assert answers[0] == answers[1]
    found = score(answers[0])
    assert found.listeners == ["Ann"] and not found.rejected
    assert {rating.codec: rating.mean for rating in found.ratings} == OPINIONS
    assert [(d.codec, d.correct, d.count) for d in found.discriminations] == [("nac", 2, 2), ("opus", 2, 2)]
    shown = CliRunner().invoke(main, ["bench", "score", str(tmp_path / "listening-Ann.json"), "--json"])
    assert json.loads(shown.stdout)["ratings"][0]["codec"] == "reference"


def test_keys_play_switch_and_rate(report, open_page):
    page = open_page(report / "listen.html")
    page.get_by_role("button", name="Begin").click()
    number = next(i for i, solution in enumerate(page.evaluate(KEY)) if "sounds" in solution)
    page.evaluate(f"show({number})")
    page.keyboard.press("1")
    until(page, "player.playing && player.position > 0.4")
    before = page.evaluate("player.position")
    page.keyboard.press("2")
    until(page, "player.version === trial().sounds[1]")
    assert before <= page.evaluate("player.position") < before + 2 and page.evaluate("player.playing")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowUp")
    assert page.evaluate("answers[index].ratings[1]") == 61
    page.keyboard.press("Space")
    assert not page.evaluate("player.playing")


def test_going_back_keeps_what_was_said(report, open_page):
    page = open_page(report / "listen.html")
    page.get_by_role("button", name="Begin").click()
    key = page.evaluate(KEY)
    answer(page, key[0])
    said = page.evaluate("JSON.stringify(answers[0].ratings ?? answers[0].choice)")
    page.get_by_role("button", name="Next").click()
    go(page, 1)
    page.get_by_role("button", name="Back").click()
    go(page, 0)
    assert page.evaluate("JSON.stringify(answers[0].ratings ?? answers[0].choice)") == said


def test_the_page_does_not_say_what_is_what(report):
    """No codec and no clip in it by name, where a listener who looks at the source would see them at once."""
    text = (report / "listen.html").read_text().split('id="data"')[1].split("</script>")[0]
    assert not any(word in text for word in ("nac-", '"nac"', "opus", "anchor", "music-a"))
