"""The application served for real."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from typing import Any

import pytest

from api.app import create_app
from api.server import ApiServer
from bus.answers import HealthAnswer, InstanceAnswer
from bus.client import BusClient
from bus.errors import SettingsError
from bus.requests import GetHealth, GetInstance, InitInstance
from bus.settings import Settings
from tests.api.conftest import TOKEN
from tests.bus.parts import NOW, PATIENCE, Script, instance
from tests.leftovers import nothing_left

MIB = 1024 * 1024


@pytest.fixture
def server(app: Any, script: Script) -> Iterator[ApiServer]:
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    script.lines[GetInstance] = InstanceAnswer(instance=None)
    server = ApiServer(app, host="127.0.0.1", port=0)
    server.start()
    yield server
    server.close()


def connect(server: ApiServer) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)


def get(connection: HTTPConnection, path: str = "/health/pb") -> tuple[int, Any]:
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def assert_serves(server: ApiServer) -> None:
    with closing(connect(server)) as connection:
        assert get(connection)[0] == 200


def send(server: ApiServer, data: bytes) -> bytes:
    """Send ``data`` as it is and return all that comes back."""
    with closing(socket.create_connection(("127.0.0.1", server.port), PATIENCE)) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            return b"".join(iter(lambda: connection.recv(65_536), b""))
        except (BrokenPipeError, ConnectionResetError):  # it hung up in the middle
            return b""


@pytest.mark.parametrize(
    "noise",
    [
        b"\0\xff\xfe garbage\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9.9\r\n\r\n",
        b"\r\n" * 1_000,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: soon\r\n\r\n",
        b"GET / HTTP/1.1\r\n: nameless\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 300_000 + b" HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"",
    ],
    ids=lambda noise: repr(noise[:30]),
)
def test_what_is_no_http_is_survived(server: ApiServer, noise: bytes) -> None:
    """Bytes that are no request end their own connection, at most with a client error."""
    answer = send(server, noise)
    assert answer == b"" or answer.split()[1].startswith(b"4")
    assert b"Traceback" not in answer
    assert_serves(server)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: %d\r\n\r\n" % (2 * MIB),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % (2 * MIB),
    ],
)
def test_a_huge_body_is_cut_off(server: ApiServer, head: bytes) -> None:
    """A body beyond a megabyte is a 413, told in advance or not, and read no further."""
    start = b"POST /api/users/alice/init_pb HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with closing(socket.create_connection(("127.0.0.1", server.port), PATIENCE)) as connection:
        connection.sendall(start + head)
        try:
            connection.sendall(b"x" * (2 * MIB) + b"\r\n0\r\n\r\n")
            status = connection.recv(65_536).split()[1]
        except (BrokenPipeError, ConnectionResetError):
            status = b"413"  # the system threw the answer away with the rest of the body
    assert status == b"413"
    assert_serves(server)


def test_a_large_body_is_a_bad_request(server: ApiServer, script: Script) -> None:
    """A body that fits the server and is too long for any call is refused in JSON."""
    with closing(connect(server)) as connection:
        connection.request("POST", "/api/users/alice/init_pb", body=b" " * 100_000)
        answer = connection.getresponse()
        assert answer.status == 400
        assert json.loads(answer.read())["code"] == "invalid_request"


@pytest.mark.parametrize(
    "path",
    [
        "/api/users/../pb_status",
        "/api/users/../../etc/passwd/pb_status",
        "/api/users/%2e%2e/pb_status",
        "/api/users/a%2Fb/pb_status",
        "/api/users/a%00b/pb_status",
        "/api/users//pb_status",
        "/api/users/%F0%9F%A6%8A/pb_status",
        "/api/users/" + "a" * 200 + "/pb_status",
    ],
)
def test_an_odd_path_arrives_as_it_is(server: ApiServer, path: str) -> None:
    """The server tidies no path up: what the caller wrote is what is refused."""
    with closing(connect(server)) as connection:
        status, body = get(connection, path)
    assert status == 400
    assert body["code"] == "invalid_user_id"
    assert body["success"] is False
    assert body["instance"] is None


def test_a_token_of_any_characters_works(bus: BusClient, settings: Settings) -> None:
    """A token beyond ASCII is compared by the bytes that go over the wire."""
    locked = Settings(user_dbs_path=settings.user_dbs_path, api_token=TOKEN)
    server = ApiServer(create_app(bus, locked), host="127.0.0.1", port=0)
    server.start()
    with closing(server), closing(connect(server)) as connection:
        for token, expected in ((TOKEN, 404), ("wrong", 401), ("schl\xfcssel!", 401)):
            connection.request(
                "GET", "/api/nothing", headers={"Authorization": b"Bearer " + token.encode()}
            )
            answer = connection.getresponse()
            answer.read()
            assert answer.status == expected


def test_many_connections_are_kept_alive(server: ApiServer) -> None:
    """Fifty callers keep their connections and are all served, again and again."""
    with ExitStack() as stack, ThreadPoolExecutor(10) as pool:
        connections = [stack.enter_context(closing(connect(server))) for _ in range(50)]
        for _ in range(3):
            assert {status for status, _ in pool.map(get, connections)} == {200}
        assert all(connection.sock is not None for connection in connections)


def test_those_who_dawdle_hold_nobody_up(server: ApiServer) -> None:
    """Two hundred unfinished requests take no thread from the finished ones."""
    with ExitStack() as stack:
        for _ in range(200):
            slow = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
            stack.enter_context(closing(slow)).sendall(b"POST /health/pb HTTP/1.1\r\nHost:")
        assert_serves(server)


def test_a_caller_that_hangs_up_hurts_nobody(server: ApiServer, script: Script) -> None:
    """The answer to somebody who left is dropped, and the next caller is served."""
    with closing(connect(server)) as connection:
        connection.request("POST", "/api/users/alice/init_pb")
        request, reply = script.held.get(timeout=PATIENCE)
    reply(InstanceAnswer(instance=instance()))
    assert request == InitInstance(user_id="alice")
    assert_serves(server)


def test_close_ends_everything_at_once(settings: Settings, script: Script) -> None:
    """After close there is no thread, no file and no port left, whoever is still connected."""
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    threads = set(threading.enumerate())
    with nothing_left(), ExitStack() as stack:
        bus = stack.enter_context(BusClient(settings.command_endpoint))
        server = ApiServer(create_app(bus, settings), host="127.0.0.1", port=0)
        server.start()
        connections = [stack.enter_context(closing(connect(server))) for _ in range(10)]
        for connection in connections:
            assert get(connection)[0] == 200
        ours = set(threading.enumerate()) - threads
        server.close()
        for thread in ours:
            thread.join(1)
        assert not [thread for thread in ours if thread.is_alive()]
        for connection in connections:
            with pytest.raises((http.client.BadStatusLine, OSError)):
                get(connection)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), PATIENCE)


def test_a_closed_port_can_be_had_again_at_once(app: Any, server: ApiServer) -> None:
    """A restart does not wait for the system to forget the old connections."""
    assert_serves(server)
    server.close()
    server.close()
    again = ApiServer(app, host="127.0.0.1", port=server.port)
    again.start()
    with closing(again):
        assert_serves(again)


def test_a_server_that_never_served_closes_as_well(app: Any) -> None:
    """A house that fails half-way up gives its port and threads back."""
    threads = set(threading.enumerate())
    with nothing_left():
        ApiServer(app, host="127.0.0.1", port=0).close()
        for thread in set(threading.enumerate()) - threads:
            thread.join(PATIENCE)


def test_a_taken_port_is_refused_in_one_line(app: Any) -> None:
    """The refusal names the settings, the reason and what to do, and leaves nothing running."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with nothing_left(), pytest.raises(SettingsError) as refusal:
            ApiServer(app, host="127.0.0.1", port=port)
        assert refusal.value.message == (
            f"PB_API_HOST='127.0.0.1' PB_API_PORT={port}: cannot listen there "
            "(Address already in use); stop what has it, or set another"
        )


@pytest.mark.parametrize("host", ["192.0.2.1", "no..such..host", "a" * 70, "\0"])
def test_a_host_that_is_not_ours_is_refused_in_one_line(app: Any, host: str) -> None:
    """An address of another machine, or what is no address, is a bad setting and no crash."""
    with pytest.raises(SettingsError) as refusal:
        ApiServer(app, host=host, port=3000)
    assert refusal.value.message.startswith(f"PB_API_HOST={host!r} PB_API_PORT=3000: cannot listen")
    assert refusal.value.message.isprintable()


def test_a_name_of_several_addresses_is_served(
    app: Any, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where localhost is IPv4 and IPv6, the server listens on the first, serves and closes."""
    address = ("127.0.0.1", 0)
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address)] * 2
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    with monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: both)
        server = ApiServer(app, host="localhost", port=0)
    server.start()
    with closing(server):
        assert_serves(server)
