"""What the instances take of the machine, measured on the real PocketBase."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bus.events import UsageSampled
from bus.subscriber import Subscriber
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager that looks at its instances all the time."""
    with running_manager(usage_interval=0.1) as running:
        yield running


@pytest.fixture(scope="module")
def measured(manager: Manager) -> Iterator[Subscriber]:
    """Return who hears of every look at a user's instance."""
    with Subscriber(
        event_endpoint=manager.settings.event_endpoint,
        command_endpoint=manager.settings.command_endpoint,
        usage=True,
    ) as subscriber:
        yield subscriber


def next_look(measured: Subscriber, user_id: str) -> UsageSampled:
    """Return a look that began after now: the second one from now."""
    looks: list[UsageSampled] = []
    while len(looks) < 2:
        update = measured.receive(PATIENCE)
        assert update is not None, "nothing is measured"
        if isinstance(update, UsageSampled) and update.user_id == user_id:
            looks.append(update)
    return looks[-1]


def test_a_running_instance_is_measured(manager: Manager, measured: Subscriber) -> None:
    """Memory, CPU, uptime, connections and data are those of its own process, and are told."""
    instance = manager.api.run("ann")
    with socket.create_connection(("127.0.0.1", instance["port"])):
        look = next_look(measured, "ann").usage
        while look.data_bytes is None or look.connections == 0:
            look = next_look(measured, "ann").usage
    rollup = Path(f"/proc/{instance['pid']}/smaps_rollup").read_text()
    rss = int(rollup.partition("Rss:")[2].split()[0]) * 1024
    assert look.memory_bytes is not None
    assert 2_000_000 < look.memory_bytes <= 1.2 * rss
    assert look.connections == 1
    assert look.data_bytes > 50_000
    assert look.cpu_seconds is not None
    assert look.uptime_seconds is not None
    assert 0 < look.cpu_seconds < look.uptime_seconds + 1
    shown = manager.api.instance("ann")["usage"]
    assert shown["uptime_seconds"] >= look.uptime_seconds
    assert manager.api.instances("?fields=usage")["ann"]["usage"]["memory_bytes"] > 2_000_000


def test_its_curve_and_its_past_are_told(manager: Manager, measured: Subscriber) -> None:
    """There is a point for each look, and a line for each status, after a stop as well."""
    manager.api.run("ben")
    next_look(measured, "ben")
    manager.api.stop("ben")
    usage = manager.api.call("GET", "/api/users/ben/usage").json()
    assert usage["interval"] == 0.1
    assert len(usage["points"]) >= 2
    history = manager.api.call("GET", "/api/users/ben/history").json()["transitions"]
    statuses = [line["status"] for line in history]
    assert statuses == ["Starting", "Running", "Stopping", "Stopped"]


def test_the_fleet_has_its_numbers(manager: Manager, measured: Subscriber) -> None:
    """The sums are those of the instances that run, and every status is counted."""
    manager.api.run("cat")
    next_look(measured, "cat")
    fleet = manager.api.call("GET", "/api/fleet").json()
    assert sum(fleet["statuses"].values()) == len(manager.api.instances())
    assert fleet["statuses"]["Running"] == len(manager.api.instances("?status=Running"))
    assert fleet["memory_bytes"] > 2_000_000
    assert fleet["manager"]["pocketbase_version"] == "0.40.6"
