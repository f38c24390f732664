"""Pages in headless Chromium. Without a Chromium or playwright these tests are skipped, and say so."""

from __future__ import annotations

import os
import shutil

import pytest

CANDIDATES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = ["--no-sandbox", "--mute-audio"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """One browser for all tests; NAC_CHROMIUM names it if it is not found by itself."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is not installed (pip install playwright)"
    )
    named = os.environ.get("NAC_CHROMIUM")
    path = named or next((found for name in CANDIDATES if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium here (Debian: apt-get install chromium; elsewhere name it in NAC_CHROMIUM)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Opens a file, without a network; a page's errors and requests fail the test at its end."""
    pages, wrong = [], []

    def opened(path, **options):
        page = chromium.new_page(viewport={"width": 1200, "height": 900}, **options)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.on(
            "request",
            lambda request: (
                wrong.append(f"asked for {request.url[:80]}")
                if not request.url.startswith(("file:", "data:", "blob:"))
                else None
            ),
        )
        page.goto(path.as_uri(), timeout=120_000)
        page.wait_for_selector("html[data-ready=yes]", timeout=120_000)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert wrong == []
