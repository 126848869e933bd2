"""What the kernel tells of who uses a port."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from actors.sockets import ESTABLISHED, TIME_WAIT, Socket
from actors.traffic import PROBE_ADDRESS, held_by, inside, io_counters, traffic
from tests.house.surroundings import eventually


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """Return a server on a port at which the kernel remembers nobody.

    It gives a port again at once, and remembers for a minute who was connected to it before.
    """
    with ExitStack() as tried:
        while True:
            server = tried.enter_context(socket.create_server(("127.0.0.1", 0)))
            if traffic([port_of(server)])[port_of(server)].idle is None:
                break
        yield server


def port_of(server: socket.socket) -> int:
    port: int = server.getsockname()[1]
    return port


def test_nobody_is_there(server: socket.socket) -> None:
    """Who listens alone is not used."""
    port = port_of(server)
    assert (traffic([port])[port].open, traffic([port])[port].idle) == (0, None)


def test_a_connection_counts_while_it_is_open_and_is_remembered(server: socket.socket) -> None:
    """Open, also before it was accepted; then closed a moment ago; a second one is seen too."""
    port = port_of(server)
    with socket.create_connection(server.getsockname()):
        assert traffic([port])[port].open == 1
        served, _ = server.accept()
        with served, socket.create_connection(server.getsockname()):
            second, _ = server.accept()
            assert traffic([port])[port].open == 2
        second.close()
    eventually(lambda: traffic([port])[port].open == 0, "both are closed")
    idle = traffic([port])[port].idle
    assert idle is not None
    assert idle < 5


def test_the_same_port_of_another_machine_is_not_ours(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who is called elsewhere, by our door for example, uses nothing here."""
    port, elsewhere = port_of(server), socket.inet_aton("192.0.2.7")
    here = socket.inet_aton("192.0.2.1")
    calls = [
        Socket(state, (here, 40_000 + state), (elsewhere, port), 30.0, 77)
        for state in (ESTABLISHED, TIME_WAIT)
    ]
    monkeypatch.setattr("actors.traffic.sockets", lambda: calls)
    found = traffic([port])[port]
    assert (found.open, found.sockets, found.idle) == (0, set(), None)


def test_our_own_probes_are_taken_out(server: socket.socket) -> None:
    """What comes from the address of the probes is nobody's use, open or closed."""
    port = port_of(server)
    with socket.create_connection(server.getsockname(), source_address=(PROBE_ADDRESS, 0)):
        assert traffic([port])[port].open == 0
    assert traffic([port])[port].idle is None


def test_what_the_door_holds_is_told_apart(server: socket.socket) -> None:
    """The sockets of a process that counts itself are not counted again."""
    port = port_of(server)
    with socket.create_connection(server.getsockname()):
        assert inside(port, set()) == 1
        assert inside(port, held_by([os.getpid()])) == 0


def test_the_counters_rise() -> None:
    """What a process reads and writes is counted; a process that is gone has no counters."""
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        before = io_counters(cat.pid)
        for _ in range(100):
            cat.stdin.write(bytes(1_000))
            cat.stdin.flush()
            assert len(cat.stdout.read(1_000)) == 1_000
        after = io_counters(cat.pid)
    assert before is not None
    assert after is not None
    assert min(new - old for new, old in zip(after, before, strict=True)) >= 99_000
    assert io_counters(2**22 + 1) is None
