"""The page of the fleet: what it shows follows what happens."""

from __future__ import annotations

import os
import re
import signal

import pytest
from playwright.sync_api import Locator, Page, expect

from bus.states import Status
from tests.house.manager import Manager

pytestmark = pytest.mark.timeout(120)


def row(page: Page, user_id: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("link", name=user_id, exact=True))


def test_the_first_instance_is_started_from_an_empty_page(manager: Manager, page: Page) -> None:
    """A new operator is told what to do, does it by the keyboard, and sees it running."""
    page.goto("/")
    expect(page.get_by_role("heading", name="No instances yet")).to_be_visible()
    page.keyboard.press("n")
    page.keyboard.type("no way")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("A-Z a-z 0-9")
    page.get_by_label("User id").fill("alice")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="alice", exact=True)).to_be_visible()
    expect(page.locator(".lead")).to_contain_text("Running It answers its health check")
    assert manager.api.instance("alice")["status"] == "Running"


def test_the_table_lives(manager: Manager, page: Page) -> None:
    """What is started and stopped elsewhere is seen without a reload."""
    manager.api.run("alice")
    page.goto("/")
    expect(page.get_by_role("heading", name="The one instance is running")).to_be_visible()
    bob = manager.api.run("bob")
    expect(page.get_by_role("heading", name="All 2 instances are running")).to_be_visible()
    expect(row(page, "bob")).to_contain_text(str(bob["port"]))
    expect(row(page, "bob")).to_contain_text(re.compile(r"\d [KM]iB"))
    manager.api.stop("bob")
    expect(row(page, "bob")).to_contain_text("Stopped")
    expect(page.get_by_role("button", name="1 Stopped")).to_be_visible()
    told = page.get_by_role("complementary", name="Just happened")
    expect(told.get_by_role("listitem").first).to_contain_text("bob")


def test_a_killed_process_is_explained_on_the_first_page(manager: Manager, page: Page) -> None:
    """What happened and why is read without a log, also when it is over already."""
    pid = manager.api.run("killed")["pid"]
    page.goto("/")
    expect(row(page, "killed")).to_contain_text("Running")
    with manager.listen("killed") as listener:
        os.kill(pid, signal.SIGKILL)
        listener.until_status(Status.RUNNING)
    look_here = page.get_by_role("region", name="Look here")
    expect(look_here).to_contain_text("killed Somebody ended it with a signal")
    expect(look_here).to_contain_text("Recovered")
    page.reload()
    expect(look_here).to_contain_text("killed Somebody ended it with a signal")
    manager.api.stop("killed")


def test_it_is_searched_filtered_and_sorted(manager: Manager, page: Page) -> None:
    """By the keyboard and by the numbers above the table."""
    for user_id in ("alice", "bob", "carl"):
        manager.api.run(user_id)
    manager.api.stop("bob")
    page.goto("/")
    users = page.locator("tbody th")
    expect(users).to_contain_text(["alice", "bob", "carl"])
    page.get_by_role("button", name="User").click()
    expect(users.first).not_to_have_text("alice")
    page.get_by_role("button", name=re.compile("Stopped")).click()
    expect(users.filter(has_text="alice")).to_have_count(0)
    page.get_by_role("button", name=re.compile("Stopped")).click()
    page.keyboard.press("/")
    page.keyboard.type("car")
    expect(users).to_have_text(["carl"])
    expect(page.get_by_text(re.compile("of 1 found, "))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_have_value("")
