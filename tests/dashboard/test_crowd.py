"""Two thousand instances: the page stays quick, and says as much as with two."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, expect

from bus.events import DiskLow, InstanceRenamed
from tests.bus.parts import NOW, instance
from tests.dashboard.browser import opened_page
from tests.dashboard.crowd import crowd

pytestmark = pytest.mark.timeout(120)

WATCH = """() => {
  window.longest = 0;
  new PerformanceObserver((list) => {
    window.longest = Math.max(window.longest, ...list.getEntries().map((one) => one.duration));
  }).observe({ type: "longtask" });
}"""
"""Remembers the longest time, in ms, for which the page did not answer."""
BEARABLE = 2_000
"""ms: a freeze that anybody notices, with room for a machine that other tests keep busy."""


def test_two_thousand_are_shown_searched_and_changed(browser: Browser) -> None:
    """Only the rows that are seen exist; a storm of changes does not freeze the page."""
    with crowd(2_000) as fleet, opened_page(browser, fleet.url) as page:
        page.goto("/")
        expect(page.get_by_role("heading", name="All 2,000 instances are running")).to_be_visible()
        rows = page.locator("tbody tr")
        expect(rows).to_have_count(50)
        expect(page.get_by_text("of 2,000", exact=False).first).to_be_visible()
        page.get_by_role("button", name="Next").click()
        expect(rows.first).to_contain_text("user00050")
        page.evaluate(WATCH)
        fleet.stir(2_000)
        fleet.fail("user01999")
        expect(page.get_by_role("heading", name="1 instance has failed")).to_be_visible()
        assert page.evaluate("window.longest") < BEARABLE
        page.get_by_role("button", name=re.compile("1 Failed")).click()
        expect(rows).to_have_count(1)
        expect(rows).to_contain_text("user01999")


def test_what_the_manager_tells_is_shown(browser: Browser) -> None:
    """Events that are no change of status, of whatever capability, have their line."""
    with crowd(2) as fleet, opened_page(browser, fleet.url) as page:
        page.goto("/")
        expect(page.get_by_role("heading", name="All 2 instances are running")).to_be_visible()
        fleet.tell(DiskLow(at=NOW, reason="1 GiB is free", free_bytes=1024**3))
        told = page.get_by_role("complementary", name="Just happened")
        expect(told).to_contain_text("The manager")
        expect(told).to_contain_text("Disk low: 1 GiB is free")
        moved = InstanceRenamed(at=NOW, user_id="user00001", to="bert", instance=instance("bert"))
        fleet.tell(moved)
        expect(page.locator("tbody th")).to_have_text(["bert", "user00000"])


def test_the_hosts_of_a_cluster_are_told_apart(browser: Browser) -> None:
    """Each instance has its host, one host can be looked at alone, and who is silent is named."""
    with crowd(4) as fleet, opened_page(browser, fleet.url) as page:
        page.goto("/")
        expect(page.locator("tbody tr")).to_have_count(4)
        expect(page.get_by_role("columnheader", name="Host")).to_be_hidden()
        expect(page.get_by_label("Host", exact=True)).to_be_hidden()
        fleet.spread("h1", "h2")
        fleet.silent = ["h2"]
        page.reload()
        expect(page.get_by_role("columnheader", name="Host")).to_be_visible()
        expect(page.get_by_text("h2 does not answer")).to_be_visible()
        page.get_by_label("Host", exact=True).select_option("h2")
        expect(page.locator("tbody tr")).to_have_count(2)
        expect(page.locator("tbody .col-host")).to_have_text(["h2", "h2"])
        page.locator("tbody").get_by_role("link", name="user00001").click()
        expect(page.locator(".facts-list")).to_contain_text("Hosth2")
