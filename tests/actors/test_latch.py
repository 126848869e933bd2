"""New callers are held off for a moment, and not refused."""

from __future__ import annotations

import errno
import os
import select
import socket
from collections.abc import Iterator

import pytest

from actors.sleep.latch import Latch

SOON, RETRANSMITTED = 0.2, 10.0
"""Seconds: a caller that is let in at once is connected; one that was held off asks again."""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def latched(server: socket.socket) -> Latch:
    """Return a latch on the server's port; every system that tests run on lets us."""
    latch = Latch.close_on(os.getpid(), server.getsockname()[1])
    assert latch is not None
    return latch


def test_who_comes_meanwhile_waits_and_is_let_in(server: socket.socket) -> None:
    """The caller hears nothing as long as it is latched, and is connected after that."""
    latch = latched(server)
    with socket.socket() as caller:
        caller.settimeout(SOON)
        with pytest.raises(TimeoutError):
            caller.connect(server.getsockname())
        latch.release()
        latch.release()
        server.settimeout(RETRANSMITTED)
        server.accept()[0].close()


def test_who_comes_meanwhile_is_refused_when_the_process_ends(server: socket.socket) -> None:
    """Nothing was sent yet, so the caller knows that it may try again."""
    latch = latched(server)
    with socket.socket() as caller:
        caller.settimeout(SOON)
        with pytest.raises(TimeoutError):
            caller.connect(server.getsockname())
        server.close()
        latch.keep()
        _, told, _ = select.select([], [caller], [], RETRANSMITTED)
        assert told
        assert caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED


def test_who_is_inside_is_not_disturbed(server: socket.socket) -> None:
    """Connections that are open go on."""
    with socket.create_connection(server.getsockname()) as caller:
        served, _ = server.accept()
        latch = latched(server)
        with served:
            served.sendall(b"x")
            assert caller.recv(1) == b"x"
        latch.release()


def test_there_is_no_latch_on_what_is_not_there() -> None:
    """A port on which the process does not listen is left alone."""
    assert Latch.close_on(os.getpid(), 1) is None
