"""The report as a person uses it: play, switch codec, loop, keys, themes, a narrow screen."""

from __future__ import annotations

import pytest

from tests.browser.patience import until
from tests.helpers.reports import write_results

POSITION = "players[0].player.position"
PLAYING = "players[0].player.playing"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    pytest.importorskip("bokeh", reason="bokeh is not installed (pip install 'nac-cli[bench]')")
    pytest.importorskip("jinja2", reason="jinja2 is not installed (pip install 'nac-cli[bench]')")
    from nac_cli.bench.report import write_report

    folder = tmp_path_factory.mktemp("report")
    return write_report(folder, write_results(folder))


@pytest.fixture
def page(report, open_page):
    return open_page(report)


def wait_until_past(page, position: float) -> None:
    until(page, f"{POSITION} > {position}")


def test_another_codec_goes_on_where_the_first_was(page):
    player = page.locator(".player").first
    player.get_by_role("button", name="Play").click()
    wait_until_past(page, 0.6)
    before = page.evaluate(POSITION)
    player.get_by_label("nac, file of 5.94 kbit/s").check(force=True)
    until(page, "players[0].player.version === players[0].chosen.value")
    after = page.evaluate(POSITION)
    assert page.evaluate(PLAYING)
    assert before <= after < before + 2
    wait_until_past(page, after + 0.3)
    player.get_by_role("button", name="Pause").click()
    stopped = page.evaluate(POSITION)
    player.get_by_label("Opus, file of 2.97 kbit/s").check(force=True)
    until(page, "players[0].player.version === players[0].chosen.value")
    assert page.evaluate(POSITION) == stopped and not page.evaluate(PLAYING)


def test_a_switch_starts_the_new_sound_at_the_place_of_the_old(page):
    """To the sample: the offset that the new source gets is the old one's position at that very moment."""
    page.locator(".player").first.get_by_role("button", name="Play").click()
    wait_until_past(page, 0.3)
    gap = page.evaluate("""async () => {
        const { player, radios } = players[0];
        await player.load(radios[1].value);
        const [offset, started] = [player.offset, player.startedAt];
        await player.select(radios[1].value);
        return player.offset - (offset + player.startedAt - started);
    }""")
    assert abs(gap) < 1e-9


def test_only_one_clip_plays(page):
    for number in (0, 1):
        page.locator(".player").nth(number).get_by_role("button", name="Play").click()
        until(page, f"players[{number}].player.playing")
    assert not page.evaluate(PLAYING)


def test_a_loop_stays_in_its_region(page):
    page.evaluate("players[0].ready()")
    until(page, "players[0].player.version !== null")
    page.evaluate("players[0].player.setLoop(1, 1.4); players[0].player.seek(1)")
    page.locator(".player").first.get_by_role("button", name="Play").click()
    page.wait_for_timeout(900)
    assert page.evaluate(PLAYING) and 1 <= page.evaluate(POSITION) < 1.4
    page.locator(".player").first.get_by_role("button", name="No loop").click()
    wait_until_past(page, 1.45)


def test_keys_play_choose_and_seek(page):
    page.locator(".player h3").first.click()
    page.keyboard.press("Space")
    until(page, PLAYING)
    page.keyboard.press("3")
    until(page, "players[0].player.version === players[0].radios[3].value")
    assert page.evaluate("players[0].chosen === players[0].radios[3]")
    page.keyboard.press("Space")
    until(page, f"!{PLAYING}")
    stopped = page.evaluate(POSITION)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(POSITION) == pytest.approx(min(stopped + 1, 4.0))
    for key in ("[", "ArrowRight", "]"):
        page.keyboard.press(key)
    until(page, "players[0].player.loop !== null")
    start, end = page.evaluate("[players[0].player.loop.start, players[0].player.loop.end]")
    assert start == pytest.approx(min(stopped + 1, 4.0)) and end == pytest.approx(min(start + 1, 4.0))
    page.keyboard.press("\\")
    until(page, "players[0].player.loop === null")


def test_the_choice_of_a_rate_shows_its_spectrograms(page):
    player = page.locator(".player").first
    shown = player.locator(".pictures:not([hidden])")
    assert shown.get_attribute("data-rate") == "6000" and shown.locator("img").count() == 3
    player.get_by_label("nac, file of 2.97 kbit/s").check(force=True)
    assert shown.get_attribute("data-rate") == "3000"


def test_curves_and_tables_follow_the_domain(page):
    visible = "Bokeh.documents.map((d) => d.roots()[0].renderers.filter((r) => r.visible).map((r) => r.name))"
    assert all(set(names) == {"all"} for names in page.evaluate(visible))
    page.get_by_label("Clips:").select_option("speech")
    assert all(set(names) == {"speech"} for names in page.evaluate(visible))
    assert page.locator("[data-domain=speech]").is_visible() and not page.locator("[data-domain=all]").is_visible()


def test_the_theme_follows_the_system_and_the_button(report, open_page):
    page = open_page(report, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    text = "JSON.stringify(Bokeh.documents[0].roots()[0].below[0].major_label_text_color)"
    dark, dark_text = page.evaluate(paper), page.evaluate(text)
    page.get_by_role("button", name="Light theme").click()
    until(page, f"{text} !== {dark_text!r}")
    assert page.evaluate(paper) == "rgb(255, 255, 255)" != dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast(report, open_page, scheme):
    """WCAG 2.1: 4.5 to 1 for all text, on the paper and on what is raised above it."""
    page = open_page(report, color_scheme=scheme)
    assert (
        page.evaluate("""() => {
        const light = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
            .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const ratio = (a, b) => {
            const [dark, bright] = [light(ink(a)), light(ink(b))].sort((x, y) => x - y);
            return (bright + 0.05) / (dark + 0.05);
        };
        const texts = ["--ink", "--soft", "--accent", "--good", "--bad"];
        return Math.min(ratio("--on-accent", "--accent"),
                        ...texts.flatMap((text) => ["--paper", "--raised"].map((back) => ratio(text, back))));
    }""")
        >= 4.5
    )


def test_everything_has_a_name_and_can_be_reached(page):
    unnamed = page.evaluate("""() => [...document.querySelectorAll("button, input, select, img, [role=img]")]
        .filter((e) => !(e.textContent.trim() || e.alt || e.ariaLabel || e.labels?.length
                         || e.getAttribute("aria-labelledby")))
        .map((e) => e.outerHTML)""")
    assert unnamed == []
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the sounds"


def test_a_narrow_screen_does_not_scroll_sideways(page):
    page.set_viewport_size({"width": 360, "height": 740})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_script_that_got_into_the_page_does_not_run(report, chromium, tmp_path):
    """As its policy has the digests of its own."""
    text = report.read_text(encoding="utf-8")
    spoilt = tmp_path / "report.html"
    smuggled = '<script>window.smuggled = 1</script><img src="x" onerror="window.smuggled = 2">'
    spoilt.write_text(text.replace("<main>", f"<main>{smuggled}", 1), encoding="utf-8")
    page = chromium.new_page()
    page.goto(spoilt.as_uri(), timeout=120_000)
    page.wait_for_selector("html[data-ready=yes]", timeout=120_000)
    assert page.evaluate("window.smuggled") is None
    page.close()
