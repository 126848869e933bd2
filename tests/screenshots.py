"""The pictures in the documentation, taken of a real fleet: ``python -m tests.screenshots``.

It takes a minute, of which the fleet is busy for half: there must be something to see.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import requests
from playwright.sync_api import Browser, Page, expect

from tests.dashboard.browser import running_browser
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE

IMAGES = Path(__file__).parents[1] / "docs" / "images"
LARGEST = 160_000
"""Bytes that a picture may have."""
BUSY = 40.0
"""Seconds for which the fleet is asked things before the pictures are taken."""
USERS = (
    *("ada", "alan", "annie", "barbara", "claude", "dennis", "donald", "edsger", "emmy", "frances"),
    *("grace", "hedy", "jean", "john", "kathleen", "katherine", "ken", "konrad", "linus", "mary"),
    *("margaret", "niklaus", "noether", "radia", "shafi", "sophie", "tim", "tony", "vint", "wang"),
)


def prepare(manager: Manager) -> None:
    """Have a fleet as it may look on any day: some stopped, one killed, two that fail."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(manager.api.run, USERS))
    for user in ("konrad", "noether", "tony"):
        manager.api.stop(user)
    manager.api.call("PUT", "/api/users/grace/metadata", json={"plan": "pro", "seats": 12})
    with busy(manager, ("ada", "grace", "hedy", "linus")):
        threading.Event().wait(BUSY)
    manager.api.stop("dennis")
    (Path(manager.api.instance("dennis")["db_path"]) / "data.db").write_bytes(b"no database" * 99)
    manager.api.init_pb("dennis")
    manager.api.init_pb("exits.jobs")
    os.kill(manager.api.instance("grace")["pid"], signal.SIGKILL)


@contextmanager
def busy(manager: Manager, users: tuple[str, ...]) -> Iterator[None]:
    """Have these users' instances answer, each more often than the one before."""
    done = threading.Event()

    def ask(user: str, pause: float) -> None:
        url = manager.api.instance(user)["url"]
        with requests.Session() as session:
            while not done.wait(pause):
                session.get(f"{url}/api/health", timeout=PATIENCE)

    with ThreadPoolExecutor(len(users)) as pool:
        for number, user in enumerate(users, start=1):
            pool.submit(ask, user, 0.05 / number)
        try:
            yield
        finally:
            done.set()


def take(
    browser: Browser,
    url: str,
    name: str,
    *,
    scheme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = (1200, 780),
) -> None:
    """Take one picture."""
    width, height = size
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(url)
    settle(page)
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path)
    page.close()
    taken = path.stat().st_size
    print(f"{path.name:<24} {taken:>8} bytes")
    assert taken <= LARGEST, f"{path.name} is too large"


def settle(page: Page) -> None:
    """Wait until the page has been live for long enough to have curves."""
    expect(page.get_by_text("Live", exact=True)).to_be_visible(timeout=PATIENCE * 1000)
    page.wait_for_timeout(12_000)


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    fleet = running_manager(misbehaving_children=True, usage_interval=1)
    with fleet as manager, running_browser() as browser:
        prepare(manager)
        url = manager.api.url
        take(browser, f"{url}/", "fleet-light")
        take(browser, f"{url}/", "fleet-dark", scheme="dark")
        take(browser, f"{url}/#/user/grace", "instance", size=(1200, 980))
        take(browser, f"{url}/#/user/dennis", "instance-failed")
        take(browser, f"{url}/", "phone", scheme="dark", size=(390, 844))


if __name__ == "__main__":
    main()
