"""The line to the manager: who may, what is old news, and how it comes back."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from tests.dashboard.browser import opened_page
from tests.house.manager import manager_of, running_manager

pytestmark = pytest.mark.timeout(120)
TOKEN = "schlüssel"


def test_old_news_is_said_to_be_old(browser: Browser) -> None:
    """A manager that goes away leaves a page that says so, and comes back by itself."""
    with manager_of() as manager, opened_page(browser, manager.api.url) as page:
        manager.start()
        manager.api.run("alice")
        page.goto("/")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        manager.stop()
        expect(
            page.get_by_text(re.compile(r"Old news\. What you see is .* old: the manager ends"))
        ).to_be_visible()
        manager.start()
        manager.api.run("bob")
        expect(page.get_by_text("Old news.")).to_be_hidden()
        expect(page.get_by_role("link", name="bob", exact=True).first).to_be_visible()
        manager.stop()


def test_the_token_is_asked_for_once(browser: Browser) -> None:
    """A wrong one is refused with a word, the right one opens; no address ever has it."""
    asked: list[str] = []
    with running_manager(api_token=TOKEN) as manager, opened_page(browser, manager.api.url) as page:
        manager.api.run("alice")
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url))
        page.goto("/")
        dialog = page.get_by_role("dialog", name="Who is there?")
        dialog.get_by_label("Token").fill("wrong")
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_have_text("That is not the token of this manager.")
        dialog.get_by_label("Token").fill(TOKEN)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="The one instance is running")).to_be_visible()
        page.reload()
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        assert len([url for url in asked if url.startswith("ws:")]) == 2
        assert not [url for url in asked if "token" in url or "schl" in url]
        assert page.evaluate("Object.keys(localStorage).concat(document.cookie)") == [""]


def test_without_a_live_line_it_is_asked_every_few_seconds(browser: Browser) -> None:
    """With PB_LIVE_PORT=off the page works as well, and says how."""
    with running_manager(live_port="off") as manager, opened_page(browser, manager.api.url) as page:
        page.goto("/")
        expect(page.get_by_text("Every 5 s")).to_be_visible()
        manager.api.run("alice")
        expect(page.get_by_role("heading", name="The one instance is running")).to_be_visible()
