"""Ports: whose is which, what happens when somebody else has it, when it is free again."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Iterator

import pytest

from actors.ports import is_free
from tests.house.manager import Manager, running_manager

RANGE = 8


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager with few ports, whose users may misbehave."""
    with running_manager(port_range=RANGE, misbehaving_children=True) as running:
        yield running


def foreigner(port: int) -> socket.socket:
    """Return a socket of somebody else that listens on ``port``."""
    return socket.create_server(("127.0.0.1", port))


def user_at(manager: Manager, offset: int, name: str = "user") -> str:
    """Return a user whose own port lies ``offset`` into the range."""
    wanted = manager.settings.base_port + offset
    users = (f"{name}{number}" for number in itertools.count())
    return next(user for user in users if manager.preferred_port(user) == wanted)


def test_a_user_gets_the_port_of_its_name(manager: Manager) -> None:
    """The port is the base and the hash of the user, and nobody else has it."""
    user = user_at(manager, 3)
    instance = manager.api.run(user)
    manager.api.stop(user)

    assert instance["port"] == manager.settings.base_port + 3


def test_a_port_that_a_foreigner_has_is_passed_over(manager: Manager) -> None:
    """When somebody else on the machine listens on the port, the next free one is taken."""
    user, base = user_at(manager, 2), manager.settings.base_port
    with foreigner(base + 2), foreigner(base + 3):
        assert manager.api.run(user)["port"] == base + 4
        manager.api.stop(user)
    assert manager.children.launched(user) == 1


def test_a_port_that_another_user_has_is_passed_over(manager: Manager) -> None:
    """Two users whose names lead to the same port get two ports."""
    base = manager.settings.base_port
    first, second = user_at(manager, 5, "one"), user_at(manager, 5, "two")

    assert manager.api.run(first)["port"] == base + 5
    assert manager.api.run(second)["port"] == base + 6
    manager.api.stop(first)
    manager.api.stop(second)


def test_after_the_last_port_comes_the_first(manager: Manager) -> None:
    """The search for a free port wraps round at the end of the range."""
    user, base = user_at(manager, RANGE - 1), manager.settings.base_port
    with foreigner(base + RANGE - 1):
        assert manager.api.run(user)["port"] == base
        manager.api.stop(user)


def test_the_same_port_again(manager: Manager) -> None:
    """A user keeps its port over stop and start, also one that was not its own at first."""
    user, base = user_at(manager, 1), manager.settings.base_port
    with foreigner(base + 1):
        first = manager.api.run(user)["port"]
    manager.api.stop(user)

    assert is_free(first)
    assert manager.api.run(user)["port"] == first == base + 2
    assert manager.api.run(user, force_restart=True)["port"] == first
    manager.api.stop(user)


def test_a_port_lost_at_the_last_moment_costs_one_more_try(manager: Manager) -> None:
    """PocketBase that finds its port taken is started once more, on the next one."""
    instance = manager.api.run("robbed.1")
    manager.api.stop("robbed.1")

    assert instance["port"] != manager.preferred_port("robbed.1")
    assert manager.children.launched("robbed.1") == 2


def test_no_free_port_because_of_foreigners() -> None:
    """When others have the whole range, ``init_pb`` says so; once one is free it works."""
    with running_manager(port_range=2) as manager:
        base = manager.settings.base_port
        with foreigner(base):
            with foreigner(base + 1):
                answer = manager.api.init_pb("ann")
            assert (answer.status_code, answer.json()["code"]) == (503, "no_ports")
            assert answer.json()["message"].startswith("No available ports for PocketBase instance")
            assert answer.json()["instance"]["status"] == "Failed"

            assert manager.api.run("ann")["port"] == base + 1


def test_no_free_port_because_of_other_users() -> None:
    """When users have the whole range the next one is refused, until one of them stops."""
    with running_manager(port_range=2) as manager:
        ports = {manager.api.run(user)["port"] for user in ("ann", "ben")}
        answer = manager.api.init_pb("cem")
        assert (answer.status_code, answer.json()["code"]) == (503, "no_ports")
        released = manager.api.instance("ann")["port"]
        manager.api.stop("ann")

        assert manager.api.run("cem")["port"] == released
        assert len(ports) == 2
