"""In a cluster HAProxy goes to instances of hosts that are known, whatever it is told besides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.door.routes import Ports, Route
from tests.actors.door.test_engines import Alone, alone
from tests.actors.door.upstream import Action, at_port

HERE, THERE = "127.0.0.1", "127.0.3.1"


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """Return the door of a host of a cluster, which has no instances itself."""
    cluster = {
        "PB_CLUSTER_ETCD": "http://127.0.0.1:1",
        "PB_CLUSTER_ADDRESS": "127.0.3.9",
        "PB_REPLICA_URL": "/nowhere",
    }
    with alone(tmp_path_factory.mktemp("d"), PB_DOOR="haproxy", **cluster) as tested:
        yield tested


@pytest.fixture(autouse=True)
def known(door: Alone) -> None:
    """Have one host be known, whose only port is that of the instance."""
    port = door.upstream.port
    door.manager.otherwise = at_port(port)
    door.engine.bound({HERE: Ports(port, port)})


def at(address: str, port: int) -> Action:
    """Answer as the manager does: the instance is there."""
    fields = f"X-PB-Port: {port}\r\nX-PB-Address: {address}\r\nContent-Length: 0"
    said = f"HTTP/1.1 200 OK\r\n{fields}\r\nConnection: close\r\n\r\n".encode()
    return lambda connection, request: connection.sendall(said)


def refused(door: Alone, user: str) -> bool:
    """Whether the door itself says no; nobody who could not be reached sounds like that."""
    with door.connect() as caller:
        head = f"GET / HTTP/1.1\r\nHost: {user}.localhost\r\nConnection: close\r\n\r\n"
        caller.sendall(head.encode())
        said = b"".join(iter(lambda: caller.recv(65_536), b""))
    return said.startswith(b"HTTP/1.1 503 ") and b"on no host that is known" in said


def test_an_instance_of_a_known_host_is_reached(door: Alone) -> None:
    """By its route, and by what the manager says of who sleeps."""
    door.engine.put("ann", Route(door.upstream.port, HERE))
    assert " 200 " in door.say("GET / HTTP/1.1")
    door.manager.otherwise = at(HERE, door.upstream.port)
    assert " 200 " in door.say("GET / HTTP/1.1", user="bob")


@pytest.mark.parametrize(
    ("address", "beside"),
    [(HERE, 1), (HERE, -1), (THERE, 0), ("169.254.169.254", 0), ("localhost", 0), ("", 0)],
)
def test_nothing_else_is(door: Alone, address: str, beside: int) -> None:
    """Another port of the host, another host, what is no address at all: the answer is no."""
    port = door.upstream.port + beside
    door.engine.put("ann", Route(port, address))
    assert refused(door, "ann")
    door.manager.otherwise = at(address, port)
    assert refused(door, "bob")


def test_a_host_that_is_gone_is_not_gone_to(door: Alone) -> None:
    """Though its route is still there; when it is back, it is reached again."""
    port = door.upstream.port
    door.engine.put("ann", Route(port, HERE))
    door.engine.bound({THERE: Ports(1, 65_535)})
    assert refused(door, "ann")
    door.engine.bound({HERE: Ports(port - 5, port + 5)})
    assert " 200 " in door.say("GET / HTTP/1.1")


def test_what_is_known_outlasts_a_start(door: Alone) -> None:
    """It is in the file that it begins with, beside this host's own ports."""
    door.engine.launch({}, {HERE: Ports(7, 9)})
    rows = (door.folder / "hosts.map").read_text().splitlines()
    assert rows == ["127.0.3.9 9000/9999", "127.0.0.1 7/9"]
