"""The page of one instance: what has happened, why, and what can be done."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.house.manager import Manager
from tests.house.misbehaving import LAST_WORDS

pytestmark = pytest.mark.timeout(120)


def test_a_failure_is_explained(manager: Manager, page: Page) -> None:
    """The cause in words, what helps, and the last lines that it wrote."""
    manager.api.init_pb("exits.1")
    page.goto("/#/user/exits.1")
    failure = page.get_by_role("region", name="It ended, and does not say why")
    expect(failure).to_contain_text("It failed")
    expect(failure).to_contain_text("What helps")
    expect(failure).to_contain_text(LAST_WORDS)
    expect(page).to_have_title(re.compile(r"^\(\d+ failed\) exits\.1 · "))
    manager.api.stop("exits.1")
    expect(page.locator(".lead")).to_contain_text("Stopped")


def test_it_is_stopped_and_started(manager: Manager, page: Page) -> None:
    """Each button says what it will do, and what cannot be undone at once is asked for."""
    manager.api.run("alice")
    page.goto("/#/user/alice")
    stop, start = (page.get_by_role("button", name=name, exact=True) for name in ("Stop", "Start"))
    expect(stop).to_have_accessible_description(
        "Ends the process, until somebody starts it again. Data stay."
    )
    expect(start).to_be_disabled()
    stop.click()
    dialog = page.get_by_role("dialog", name="Stop alice?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert manager.api.instance("alice")["status"] == "Running"
    stop.click()
    dialog.get_by_role("button", name="Stop").click()
    expect(page.locator(".lead")).to_contain_text("Stopped")
    assert manager.api.instance("alice")["desired"] == "Stopped"
    start.click()
    expect(page.locator(".lead")).to_contain_text("Running")
    expect(
        page.get_by_role("region", name="History").get_by_role("listitem").first
    ).to_contain_text("Running")


def test_it_is_restarted(manager: Manager, page: Page) -> None:
    """A restart ends the process and has another one running."""
    pid = manager.api.run("alice")["pid"]
    page.goto("/#/user/alice")
    facts = page.get_by_role("region", name="Facts")
    expect(facts).to_contain_text(f"pid {pid}")
    page.get_by_role("button", name="Restart").click()
    page.get_by_role("dialog", name="Restart alice?").get_by_role("button", name="Restart").click()
    expect(facts).not_to_contain_text(f"pid {pid}")
    expect(page.locator(".lead")).to_contain_text("Running")
    assert manager.api.instance("alice")["pid"] != pid


def test_what_is_known_is_shown(manager: Manager, page: Page) -> None:
    """Address, metadata, curves, and the way into the user's own PocketBase."""
    instance = manager.api.run("alice")
    manager.api.call("PUT", "/api/users/alice/metadata", json={"plan": "pro"})
    page.goto("/#/user/alice")
    facts = page.get_by_role("region", name="Facts")
    expect(facts).to_contain_text(instance["db_path"])
    expect(facts).to_contain_text('"plan": "pro"')
    link = facts.get_by_role("link", name="Open its PocketBase dashboard")
    expect(link).to_have_attribute("href", f"{instance['url']}/_/")
    memory = page.get_by_role("img", name=re.compile(r"Memory: [\d.]+ [KM]iB now"))
    expect(memory).to_be_visible()


def test_the_log_follows(manager: Manager, page: Page) -> None:
    """What is written appears at the end, until somebody scrolls away from it."""
    manager.api.run("alice")
    page.goto("/#/user/alice")
    log = page.get_by_role("log", name="Log of alice")
    expect(log).to_contain_text("Server started at")
    starts = log.get_by_text("Server started at").count()
    manager.api.run("alice", force_restart=True)
    expect(log.get_by_text("Server started at")).to_have_count(starts + 1)
    expect(page.get_by_role("button", name="Following")).to_have_attribute("aria-pressed", "true")


def test_nobody_is_made_up(page: Page) -> None:
    """The address of a user who has no instance says so."""
    page.goto("/#/user/nobody")
    expect(page.get_by_text("nobody has no instance")).to_be_visible()
