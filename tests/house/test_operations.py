"""Calls about one user that meet each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.states import Status
from tests.house.listener import path
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import await_end, eventually


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager whose users may misbehave, with patience for starts only."""
    settings = {"start_timeout": 300, "stop_timeout": 0.5}
    with running_manager(misbehaving_children=True, **settings) as running:
        yield running


def await_pid(manager: Manager, user_id: str) -> int:
    """Wait until the starting instance has a process, and return it."""

    def has_pid() -> bool:
        found = manager.api.find(user_id)
        return found is not None and found["pid"] is not None

    eventually(has_pid, f"{user_id} has a process")
    return int(manager.api.instance(user_id)["pid"])


def test_stop_while_starting(manager: Manager) -> None:
    """``stop_pb`` ends a start under way: its caller hears of the conflict, and it is Stopped."""
    starting = manager.api.begin_init("silent.1")
    pid = await_pid(manager, "silent.1")
    stopped = manager.api.stop("silent.1")
    refused = starting.result()

    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert stopped["desired"] == "Stopped"
    assert manager.api.instance("silent.1")["status"] == "Stopped"
    assert not Path(f"/proc/{pid}").exists()


def test_init_while_stopping(manager: Manager) -> None:
    """``init_pb`` during a stop has both callers served, and the instance running at the end."""
    before = manager.api.run("deaf.1")
    with manager.listen("deaf.1") as listener:
        stopping = manager.api.begin_stop("deaf.1")
        listener.until_status(Status.STOPPING)
        after = manager.api.run("deaf.1")
        heard = listener.until_status(Status.RUNNING)

    assert stopping.result().status_code == 200
    assert path(heard) == ["Stopping", "Stopped", "Starting", "Running"]
    assert after["pid"] != before["pid"]
    assert manager.api.instance("deaf.1")["desired"] == "Running"


def test_stop_while_stopping(manager: Manager) -> None:
    """A second ``stop_pb`` joins the first."""
    manager.api.run("deaf.2")
    with manager.listen("deaf.2") as listener:
        first = manager.api.begin_stop("deaf.2")
        listener.until_status(Status.STOPPING)
        second = manager.api.stop("deaf.2")

    assert first.result().json()["instance"]["status"] == second["status"] == "Stopped"


def test_force_restart(manager: Manager) -> None:
    """``force_restart`` ends the process, and answers when another one runs in its place."""
    before = manager.api.run("ann")
    with manager.listen("ann") as listener:
        after = manager.api.run("ann", force_restart=True)
        heard = listener.until_status(Status.RUNNING)

    assert path(heard) == ["Running", "Stopping", "Stopped", "Starting", "Running"]
    assert after["pid"] != before["pid"]
    assert (after["port"], after["restarts"]) == (before["port"], 0)
    await_end(before["pid"])


def test_force_restart_of_a_stopped_instance_starts_it(manager: Manager) -> None:
    """``force_restart`` asks for a fresh process, and where there is none that is a start."""
    manager.api.run("ben")
    manager.api.stop("ben")

    assert manager.api.run("ben", force_restart=True)["status"] == "Running"


@pytest.mark.parametrize("wait", [0, 0.2])
def test_who_does_not_want_to_wait_is_told_where_to_look(manager: Manager, wait: float) -> None:
    """Without a wait, or when it ran out, the answer is 202 and the place of the status."""
    answer = manager.api.init_pb("silent.2", wait=wait)
    body = answer.json()

    assert (answer.status_code, body["success"]) == (202, True)
    assert body["instance"]["status"] == "Starting"
    assert answer.headers["Location"].endswith("/api/users/silent.2/pb_status")
    status = manager.api.call("GET", "/api/users/silent.2/pb_status").json()["instance"]["status"]
    assert status == "Starting"
    manager.api.stop("silent.2")


def test_without_waiting_it_runs_in_the_end(manager: Manager) -> None:
    """A start that nobody waits for is completed all the same."""
    with manager.listen("cem") as listener:
        assert manager.api.init_pb("cem", wait=0).status_code == 202
        heard = listener.until_status(Status.RUNNING)

    assert path(heard) == ["None", "Starting", "Running"]


def test_calls_of_all_kinds_end_in_the_state_last_asked_for(manager: Manager) -> None:
    """However starts, restarts and stops are mixed, the last word counts and nothing is lost."""
    calls = [
        manager.api.begin_stop("dan") if number % 3 == 2 else manager.api.begin_init("dan")
        for number in range(12)
    ]
    codes = {call.result().status_code for call in calls}
    final = manager.api.run("dan")

    assert codes <= {200, 404, 409}
    assert manager.api.instance("dan")["pid"] == final["pid"]
    assert manager.api.stop("dan")["desired"] == "Stopped"
