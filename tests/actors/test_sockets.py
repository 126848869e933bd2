"""What the kernel tells of sockets, by the short way and by the long one."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from actors import sockets
from actors.sockets import CLOSE_WAIT, ESTABLISHED, TIME_WAIT, Socket


@pytest.fixture(params=["asked", "refused", "without module"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The kernel answers, does not let itself be asked, or has lost what could answer."""

    def refuse(*asked: object) -> socket.socket:
        raise PermissionError

    sockets._knows_tcp.cache_clear()
    if request.param == "refused":
        monkeypatch.setattr("actors.sockets._asked", refuse)
    elif request.param == "without module":
        monkeypatch.setattr("actors.sockets._TCP", 250)  # for which there is none
    yield
    sockets._knows_tcp.cache_clear()


def listening(address: str, family: int = socket.AF_INET) -> socket.socket:
    server = socket.socket(family)
    server.bind((address, 0))
    server.listen()
    return server


def told(here: socket.socket) -> set[tuple[int, bool]]:
    """The state of each connection of a port, and whether it is the end that serves."""
    port = here.getsockname()[1]
    return {
        (each.state, each.here[1] == port)
        for each in sockets.sockets()
        if port in (each.here[1], each.there[1])
    }


@pytest.mark.usefixtures("way")
def test_a_listener_is_found_by_its_address() -> None:
    """Only there; who connects to it listens to nobody, and when it has closed there is none."""
    with closing(listening("127.0.0.3")) as server:
        port = server.getsockname()[1]
        name = f"socket:[{inode(server)}]"
        assert sockets.listener(port, "127.0.0.3") == name
        assert sockets.listener(port) is None
        with closing(socket.create_connection(server.getsockname())) as caller:
            assert sockets.listener(caller.getsockname()[1]) is None
            assert sockets.listener(port, "127.0.0.3") == name
    assert sockets.listener(port, "127.0.0.3") is None


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("address", "family"), [("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6)]
)
def test_who_listens_everywhere_listens_there(address: str, family: int) -> None:
    """By IPv4, or by IPv6 that takes IPv4 too, as Go does."""
    with closing(listening(address, family)) as server:
        assert sockets.listener(server.getsockname()[1]) == f"socket:[{inode(server)}]"


@pytest.mark.usefixtures("way")
def test_connections_are_told_with_both_ends_and_their_state() -> None:
    """Open, closed by one end, and closed a moment ago."""
    with ExitStack() as stack:
        server = stack.enter_context(listening("127.0.0.1"))
        caller = socket.create_connection(server.getsockname())
        served, _ = server.accept()
        assert told(server) == {(ESTABLISHED, True), (ESTABLISHED, False)}
        (mine,) = (each for each in sockets.sockets() if each.name == f"socket:[{inode(caller)}]")
        assert mine.here == (socket.inet_aton("127.0.0.1"), caller.getsockname()[1])
        assert mine.there == (socket.inet_aton("127.0.0.1"), server.getsockname()[1])
        caller.close()
        assert (CLOSE_WAIT, True) in told(server)
        served.close()
        assert told(server) == {(TIME_WAIT, False)}
        port = server.getsockname()[1]
        (closed,) = (each for each in sockets.sockets() if each.there[1] == port)
        assert 50 < closed.timer <= 61


@pytest.mark.usefixtures("way")
def test_ipv4_by_ipv6_is_told_as_ipv4() -> None:
    """What was called by IPv4 and listens by IPv6 is one connection like every other."""
    with closing(listening("::", socket.AF_INET6)) as server:
        port = server.getsockname()[1]
        with closing(socket.create_connection(("127.0.0.1", port))):
            assert sockets.connections()[port] == 1
        with closing(socket.create_connection(("::1", port))):
            assert not [each for each in open_ones(port) if each.here[0] == bytes(4)]


def open_ones(port: int) -> list[Socket]:
    states = 1 << ESTABLISHED
    return [each for each in sockets.sockets(states) if port in (each.here[1], each.there[1])]


def inode(of: socket.socket) -> int:
    return os.fstat(of.fileno()).st_ino
