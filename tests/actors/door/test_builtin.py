"""What the built-in door does by itself, where HAProxy has its rules and tables."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.door.config import WAKE_SOCKET
from api.gateway import routes
from tests.actors.door.test_engines import Alone, alone
from tests.actors.door.upstream import Action, at_port

WAKES = 2
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alone]:
    """Return the built-in door, which lets little through."""
    limits = {"PB_DOOR_WAKES": str(WAKES), "PB_DOOR_BODY_MIB": "1", "PB_DOOR_REQUESTS": "10000"}
    with alone(tmp_path_factory.mktemp("d"), PB_DOOR="builtin", **limits) as tested:
        yield tested


def sleeps(port: int) -> Action:
    """Answer as the manager about users of whom those that are called so sleep."""

    def answer(connection: socket.socket, request: bytes) -> None:
        asleep = b"user=sleeper" in request
        if asleep and b"asleep=leave" in request:
            connection.sendall(b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n")
            return
        woken = "X-PB-Woken: 1\r\n" if asleep else ""
        head = f"HTTP/1.1 200 OK\r\nX-PB-Port: {port}\r\n{woken}Content-Length: 0\r\n\r\n"
        connection.sendall(head.encode())

    return answer


def swallow(connection: socket.socket, request: bytes) -> None:
    """Take in all that comes, and answer nothing."""
    while connection.recv(65_536):
        pass


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("http://ann.localhost/api/health?x=1", "/api/health?x=1"),
        ("HTTP://ANN.localhost:8090", "/"),
        ("http://ann.localhost?x=1", "/?x=1"),
        ("//nobody.localhost/api", "//nobody.localhost/api"),
    ],
)
def test_the_target_says_which_host_is_meant(door: Alone, target: str, path: str) -> None:
    """In the absolute form, whatever the Host field says; the instance gets the path."""
    user = "ann" if target.startswith("//") else "somebody-else"
    assert " 200 " in door.say(f"GET {target} HTTP/1.1", user=user)
    first, *fields = door.upstream.requests[-1].decode().split("\r\n")
    assert first == f"GET {path} HTTP/1.1"
    (host,) = [field.lower() for field in fields if field.lower().startswith("host:")]
    assert re.fullmatch(r"host: ann\.localhost(:8090)?", host)


@pytest.mark.parametrize(
    "line",
    ["GET ann", "GET *", "CONNECT ann.localhost:80", "CONNECT @127.0.0.1:1", "GET ftp://ann/x"],
)
def test_a_target_that_is_none_leads_nowhere(door: Alone, line: str) -> None:
    """Refused as a bad request; nothing of it becomes part of an address."""
    before = len(door.upstream.requests)
    assert " 400 " in door.say(f"{line} HTTP/1.1")
    assert len(door.upstream.requests) == before


def test_a_question_about_the_door_itself_is_answered_by_it(door: Alone) -> None:
    """``OPTIONS *`` is about the server as a whole."""
    before = len(door.upstream.requests)
    assert " 204 " in door.say("OPTIONS * HTTP/1.1")
    assert len(door.upstream.requests) == before


def test_no_superuser_signs_in_by_another_form(door: Alone) -> None:
    """The path of the absolute form is looked at, too."""
    path = "/api/collections/_superusers/auth-with-password"
    line = f"POST http://ann.localhost{path} HTTP/1.1"
    assert " 403 " in door.say(line, "Content-Length: 0")


def test_a_body_that_grows_too_large_is_refused(door: Alone) -> None:
    """Its length was not announced: the sender hears why, and the instance gets no whole of it."""
    door.upstream.plan = [swallow]
    chunk = b"%x\r\n%b\r\n" % (MIB, b"x" * MIB)
    status = door.say(
        "POST / HTTP/1.1", "Transfer-Encoding: chunked", body=2 * chunk + b"0\r\n\r\n"
    )
    assert " 413 " in status
    small = b"5\r\nhello\r\n0\r\n\r\n"
    assert " 200 " in door.say("POST / HTTP/1.1", "Transfer-Encoding: chunked", body=small)


def test_only_wakes_are_limited(door: Alone) -> None:
    """Who runs is reached however often; who has woken many wakes nobody more."""
    door.manager.otherwise = sleeps(door.upstream.port)
    try:
        for number in range(3 * WAKES):
            assert " 200 " in door.say("GET / HTTP/1.1", user=f"awake{number}")
        said = [door.say("GET / HTTP/1.1", user=f"sleeper{number}") for number in range(WAKES + 1)]
        assert [" 200 " in status for status in said] == [True] * WAKES + [False]
        assert " 429 " in said[-1]
        assert " 200 " in door.say("GET / HTTP/1.1", user="awake-too")
    finally:
        door.manager.otherwise = at_port(door.upstream.port)


def test_what_is_too_old_is_forgotten(tmp_path: Path) -> None:
    """However many labels a stranger tries, only those of the last moments are remembered."""

    async def remember() -> list[str]:
        loop, at = asyncio.get_running_loop(), 0.0
        known = routes.Routes(tmp_path / WAKE_SOCKET)
        await known.close()
        loop.time = lambda: at  # type: ignore[method-assign]
        for number in range(100):
            known._remember(f"u{number}", None)
            at += routes.REMEMBERED / 4
        del loop.time
        return list(known._known)

    assert asyncio.run(remember()) == [f"u{number}" for number in range(95, 100)]
