"""The browser that the tests drive: Debian's Chromium, if it is there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.house.surroundings import PATIENCE

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
"""The first has no window, which the others draw though nobody sees it: half of the CPU time."""
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def running_browser() -> Iterator[Browser]:
    """Start the browser, without a window and with a profile of its own."""
    if CHROMIUM is None:
        pytest.skip(f"there is no Chromium here; on Debian: apt-get install {NAMES[0]}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Troubles:
    """What went wrong in a page that nobody sees: scripts that failed, what the policy refused."""

    def __init__(self, page: Page) -> None:
        self.told: list[str] = []
        page.on("pageerror", lambda error: self.told.append(str(error)))
        page.on("console", lambda line: self._hear(line.type, line.text))

    def _hear(self, kind: str, text: str) -> None:
        # That something could not be loaded is what some tests are about; they look at the page.
        network = "Failed to load resource" in text or "WebSocket connection to" in text
        if kind in ("error", "warning") and not network:
            self.told.append(text)


@contextmanager
def opened_page(browser: Browser, url: str) -> Iterator[Page]:
    """Open a page in a fresh profile; whatever it complains of fails the test."""
    context = browser.new_context(base_url=url, viewport={"width": 1280, "height": 900})
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    troubles = Troubles(page)
    yield page
    context.close()
    assert troubles.told == []
