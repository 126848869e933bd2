"""What a real PocketBase writes, read while it writes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from bus.states import Status
from tests.house.caller import Json
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE

HOOK = """
routerAdd("GET", "/say/{word}", (e) => {
    console.log("it says " + e.request.pathValue("word"))
    return e.string(200, "said")
})
"""


@pytest.fixture(scope="module")
def manager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manager]:
    """Return a manager whose instances write what they are told to."""
    template = tmp_path_factory.mktemp("template")
    (template / "pb_hooks").mkdir()
    (template / "pb_hooks" / "say.pb.js").write_text(HOOK)
    with running_manager(template_path=template) as running:
        yield running


def say(instance: Json, word: str) -> None:
    assert requests.get(f"{instance['url']}/say/{word}", timeout=PATIENCE).text == "said"


def logs(manager: Manager, query: str) -> requests.Response:
    return manager.api.call("GET", f"/api/users/ann/logs?{query}")


def test_what_it_wrote_is_read(manager: Manager) -> None:
    """The last lines are those that PocketBase wrote, and one goes on where one left off."""
    instance = manager.api.run("ann")
    assert "Server started at" in logs(manager, "tail=10").text
    say(instance, "hello")
    answer = logs(manager, "tail=1")
    assert answer.text.endswith("it says hello\n")
    cursor = answer.headers["Log-Cursor"]
    say(instance, "again")
    assert logs(manager, f"after={cursor}").text.endswith("it says again\n")


def test_one_may_wait_for_what_it_writes(manager: Manager) -> None:
    """A call that waits is answered by the next line."""
    instance = manager.api.run("ann")
    cursor = logs(manager, "tail=0").headers["Log-Cursor"]
    say(instance, "something")
    assert logs(manager, f"after={cursor}&wait=10").text.endswith("it says something\n")


def test_it_is_followed_live(manager: Manager) -> None:
    """A line arrives while the answer is still open, and the answer outlives a crash."""
    instance = manager.api.run("ann")
    url = f"{manager.api.url}/api/users/ann/logs?tail=1&follow=1"
    with (
        manager.listen("ann") as listener,
        requests.get(url, stream=True, timeout=PATIENCE) as answer,
    ):
        lines = answer.iter_lines(chunk_size=None)
        next(lines)
        say(instance, "one")
        assert next(lines).endswith(b"it says one")
        os.kill(instance["pid"], signal.SIGKILL)
        listener.until_status(Status.RUNNING)
        assert b"Server started at" in next(lines)


def test_the_files_are_the_managers_own(manager: Manager) -> None:
    """Nobody else reads them."""
    manager.api.run("ann")
    path: Path = manager.layout.log("ann")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
