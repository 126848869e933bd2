"""Health: deaths and diseases are found, and mended."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from bus.states import Status
from tests.house.listener import path
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import await_end, eventually
from tests.house.tenant import Tenant

DIED_AND_BACK = ["Running", "Failed", "Starting", "Running"]


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager that looks after its instances all the time."""
    with running_manager(
        misbehaving_children=True, health_interval=0.2, health_timeout=1
    ) as running:
        yield running


def test_a_killed_pocketbase_is_back_at_once(manager: Manager) -> None:
    """After kill -9 everybody hears of the death, and of the new process that serves the data."""
    before = manager.api.run("ann")
    owner = Tenant(before)
    owner.make_collection("notes")
    owner.write("notes", "milk")
    with manager.listen("ann") as listener:
        os.kill(before["pid"], signal.SIGKILL)
        heard = listener.until_status(Status.RUNNING)
    after = manager.api.instance("ann")

    assert path(heard) == DIED_AND_BACK
    assert "SIGKILL" in heard[0].reason
    assert "restarting now" in heard[0].reason
    assert after["pid"] != before["pid"]
    assert (after["restarts"], after["port"]) == (1, before["port"])
    assert Tenant(after).titles("notes") == ["milk"]


def test_a_pocketbase_that_ends_by_itself_is_started_again(manager: Manager) -> None:
    """Also an orderly end that nobody asked for is an unplanned death."""
    pid = manager.api.run("ben")["pid"]
    with manager.listen("ben") as listener:
        os.kill(pid, signal.SIGTERM)

        assert path(listener.until_status(Status.RUNNING)) == DIED_AND_BACK


def test_a_frozen_pocketbase_is_found_and_replaced(manager: Manager) -> None:
    """A process that lives but does not answer is found by the health check, and restarted."""
    before = manager.api.run("frozen")
    with manager.listen("frozen") as listener:
        os.kill(before["pid"], signal.SIGSTOP)
        heard = listener.until_status(Status.RUNNING, "frozen")

    await_end(before["pid"])
    assert path(heard) == DIED_AND_BACK
    assert "health check" in heard[0].reason
    assert manager.api.instance("frozen")["pid"] != before["pid"]


def test_a_sick_instance_is_found_and_replaced(manager: Manager) -> None:
    """Three bad answers in a row are enough."""
    before = manager.api.run("sickens.1")
    with manager.listen("sickens.1") as listener:
        Path(before["db_path"], "sick").touch()
        heard = listener.until_status(Status.RUNNING)

    assert path(heard) == DIED_AND_BACK
    assert heard[-1].instance.pid != before["pid"]


def test_health_checks_are_told(manager: Manager) -> None:
    """``last_health_check`` goes on while all is well."""
    first = manager.api.run("cem")["last_health_check"]

    def checked_again() -> bool:
        last = manager.api.instance("cem")["last_health_check"]
        return datetime.fromisoformat(last) > datetime.fromisoformat(first)

    eventually(checked_again, "another health check")


def test_a_stopped_instance_stays_stopped(manager: Manager) -> None:
    """What was stopped on purpose is not taken for a death."""
    with manager.listen("eve") as listener:
        manager.api.run("eve")
        manager.api.stop("eve")
        restarts = manager.api.run("eve")["restarts"]
        heard = listener.until_status(Status.RUNNING) + listener.until_status(Status.RUNNING)

    once = ["Starting", "Running"]
    assert path(heard) == ["None", *once, "Stopping", "Stopped", *once]
    assert restarts == 0
