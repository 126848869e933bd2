"""Everybody can use it: by the keyboard, by a screen reader, without motion, in light and dark."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page, expect

from tests.house.manager import Manager

pytestmark = pytest.mark.timeout(120)
AXE = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],
}


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page as it is."""
    results = Axe().run(page, options=AXE)
    return [
        f"{found['id']}: {node['html'][:120]} {node['failureSummary']}"
        for found in results.response["violations"]
        for node in found["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong(manager: Manager, page: Page, scheme: str) -> None:
    """The fleet, a failed instance, a running one and a dialog keep the rules of WCAG 2.2 AA."""
    manager.api.run("alice")
    manager.api.init_pb("exits.1")
    # Without motion: a row that has just changed fades in, and has other colours meanwhile.
    page.emulate_media(
        color_scheme="light" if scheme == "light" else "dark", reduced_motion="reduce"
    )
    page.goto("/")
    expect(page.get_by_role("region", name="Look here")).to_be_visible()
    assert violations(page) == []
    page.goto("/#/user/exits.1")
    expect(page.get_by_role("region", name="It ended, and does not say why")).to_be_visible()
    assert violations(page) == []
    page.goto("/#/user/alice")
    expect(page.get_by_role("img", name="Memory: ")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert violations(page) == []
    manager.api.stop("exits.1")  # else its next try is what the following tests hear of


def test_the_keyboard_reaches_everything_in_its_order(manager: Manager, page: Page) -> None:
    """From the skip link to an instance and back, without a mouse."""
    manager.api.run("alice")
    page.goto("/")
    expect(page.get_by_role("link", name="alice", exact=True).first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()
    link = page.get_by_role("row").get_by_role("link", name="alice", exact=True)
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate("(element) => element === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="alice", exact=True)).to_be_visible()
    page.keyboard.press("f")
    expect(page.get_by_role("table")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("search the fleet")


def test_changes_are_told_to_a_screen_reader(manager: Manager, page: Page) -> None:
    """A live region says who has failed, or runs again."""
    page.goto("/")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    manager.api.run("carl")
    expect(page.locator("#announcer")).to_have_text("carl is running")


def test_nothing_moves_for_those_who_do_not_want_it(manager: Manager, page: Page) -> None:
    """With reduced motion no animation goes on."""
    manager.api.run("alice")
    page.emulate_media(reduced_motion="reduce")
    page.goto("/")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    endless = (
        "document.getAnimations().filter((one) => one.effect.getTiming().iterations > 1).length"
    )
    assert page.evaluate(endless) == 0


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    """It follows the system until somebody says otherwise."""
    page.emulate_media(color_scheme="dark")
    page.goto("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Theme: Auto").click()
    assert page.evaluate(ground) != dark
    page.reload()
    expect(page.get_by_role("button", name="Theme: Light")).to_be_visible()
    assert page.evaluate(ground) != dark
