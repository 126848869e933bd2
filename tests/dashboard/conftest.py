"""What the tests of the dashboard start from: a manager for each file, and one browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browser import opened_page, running_browser
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE

expect.set_options(timeout=PATIENCE * 1000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with running_browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def manager(browser: Browser) -> Iterator[Manager]:
    """Return a manager whose instances may misbehave, as the house's tests have it."""
    with running_manager(misbehaving_children=True, usage_interval=0.3) as running:
        yield running


@pytest.fixture
def page(browser: Browser, manager: Manager) -> Iterator[Page]:
    with opened_page(browser, manager.api.url) as page:
        yield page
