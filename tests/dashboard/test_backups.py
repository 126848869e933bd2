"""The panel of the backups, on the page of one instance."""

from __future__ import annotations

import re
import zipfile

import pytest
from playwright.sync_api import Page, expect

from bus.events import InstanceRestored
from tests.backups.calls import Backups
from tests.house.manager import Manager
from tests.house.tenant import Tenant

pytestmark = pytest.mark.timeout(120)


def test_a_backup_is_made_tried_taken_out_and_gone_back_to(manager: Manager, page: Page) -> None:
    """Each by a button; before a restore is asked, and what was there before can be put back."""
    tenant = Tenant(manager.api.run("alice"))
    tenant.make_collection("things")
    page.goto("/#/user/alice")
    panel = page.get_by_role("region", name="Backups")
    expect(panel).to_contain_text("none yet")

    panel.get_by_role("button", name="Back up now").click()
    row = panel.get_by_role("row").filter(has_text="manual")
    expect(row).to_have_count(1)
    row.get_by_role("button", name=re.compile("^Try")).click()
    expect(row).to_contain_text("It runs")
    with page.expect_download() as download:
        row.get_by_role("button", name=re.compile("^Download")).click()
    assert "data.db" in zipfile.ZipFile(download.value.path()).namelist()

    tenant.write("things", "after")
    row.get_by_role("button", name=re.compile("^Restore")).click()
    dialog = page.get_by_role("dialog", name="Restore alice?")
    with manager.listen("alice") as listener:
        dialog.get_by_role("button", name="Restore").click()
        listener.until_event(InstanceRestored)
    former = panel.get_by_text("kept aside")
    expect(former).to_be_visible()
    assert Tenant(manager.api.run("alice")).titles("things") == []
    with manager.listen("alice") as listener:
        panel.get_by_role("button", name="Put it back").click()
        listener.until_event(InstanceRestored)
    expect(former).to_be_hidden()
    assert Tenant(manager.api.run("alice")).titles("things") == ["after"]


def test_what_goes_wrong_is_said(manager: Manager, page: Page) -> None:
    """A backup that does not help is told of beside it, in words."""
    manager.api.run("bob")
    backups = Backups(manager, "bob")
    archive = backups.archive(backups.make())
    page.goto("/#/user/bob")
    panel = page.get_by_role("region", name="Backups")
    expect(panel).to_contain_text("1 backup")
    archive.write_bytes(archive.read_bytes()[:-100])
    panel.get_by_role("button", name=re.compile("^Try")).click()
    expect(panel.get_by_role("row").nth(1)).to_contain_text("it is damaged")
