"""Calls that are answered by the thread that reads them, and those that are not."""

from __future__ import annotations

import dataclasses
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from api.channel import Channel
from api.connections import channel_class
from api.server import ApiServer
from bus.settings import Settings
from tests.bus.parts import PATIENCE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

STATUS = "/api/users/alice/pb_status"


class App:
    """Answers with the name of the thread that serves; ``/held`` waits, ``.../fail`` fails."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.held = threading.Event()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        path = environ["PATH_INFO"]
        if path == "/held":
            self.held.set()
            assert self.may_end.wait(PATIENCE)
        if "fail" in path:
            raise ValueError(path)
        body = threading.current_thread().name.encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


class Caller:
    """One connection, on which calls may be sent before others are answered."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._answers = self._socket.makefile("rb")

    def send(self, *paths: str, method: str = "GET") -> None:
        calls = [f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for path in paths]
        self._socket.sendall(b"".join(calls))

    def answer(self) -> tuple[int, str]:
        """Return the status and the body of the next answer."""
        status, length = int(self._answers.readline().split()[1]), 0
        while (line := self._answers.readline().strip()) != b"":
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        return status, self._answers.read(length).decode()

    def close(self) -> None:
        self._answers.close()
        self._socket.close()


@pytest.fixture
def app() -> Iterator[App]:
    app = App()
    yield app
    app.may_end.set()


def served(app: App, channel: type[Channel]) -> Iterator[Caller]:
    server = ApiServer(app, host="127.0.0.1", port=0, channel=channel)
    server.start()
    caller = Caller(server.port)
    yield caller
    caller.close()
    app.may_end.set()
    server.close()


@pytest.fixture
def caller(app: App, settings: Settings) -> Iterator[Caller]:
    yield from served(app, channel_class(settings))


def by_worker(caller: Caller) -> bool:
    status, thread = caller.answer()
    return status == 200 and thread.startswith("api-")


def test_a_status_is_answered_by_who_reads_it(caller: Caller) -> None:
    """Again and again on one connection, without a worker; everything else has one."""
    for _ in range(3):
        caller.send(STATUS)
        assert caller.answer() == (200, "api")
    for path in ("/api/pb_instances", f"{STATUS}?include=metadata", f"{STATUS}/more"):
        caller.send(path)
        assert by_worker(caller)
    caller.send(STATUS, method="POST")
    assert by_worker(caller)


def test_answers_come_in_the_order_of_the_calls(caller: Caller, app: App) -> None:
    """A status that was sent behind a call that takes time waits for it; nothing is lost."""
    caller.send(STATUS, "/held", STATUS, "/other", STATUS)
    assert caller.answer() == (200, "api")
    assert app.held.wait(PATIENCE)
    app.may_end.set()
    assert [caller.answer()[0] for _ in range(4)] == [200] * 4


def test_many_at_once_are_answered(caller: Caller) -> None:
    """One is served by who reads, and the workers have the others: nobody else waits for them."""
    caller.send(*[STATUS] * 100)
    names = [thread for status, thread in (caller.answer() for _ in range(100)) if status == 200]
    assert len(names) == 100
    assert {"api"} < set(names)


def test_who_reads_never_waits_to_wake_itself(app: App, settings: Settings) -> None:
    """Each served call wakes it by a pipe, and a full pipe has woken it."""
    server = ApiServer(app, host="127.0.0.1", port=0, channel=channel_class(settings))
    waking = server._server.trigger.trigger
    with suppress(BlockingIOError):
        while True:
            os.write(waking, bytes(65536))
    server._server.pull_trigger()
    server.start()
    caller = Caller(server.port)
    caller.send(STATUS)
    assert caller.answer() == (200, "api")
    caller.close()
    server.close()


def test_a_bug_ends_neither_the_thread_nor_the_others(caller: Caller) -> None:
    """Who hits it is told so; the thread that reads for all goes on."""
    caller.send("/api/users/fail/pb_status")
    assert caller.answer()[0] == 500


def test_after_a_bug_others_are_served(app: App, settings: Settings) -> None:
    """On another connection, by the same thread."""
    server = ApiServer(app, host="127.0.0.1", port=0, channel=channel_class(settings))
    server.start()
    try:
        for path, status in (("/api/users/fail/pb_status", 500), (STATUS, 200)):
            caller = Caller(server.port)
            caller.send(path)
            assert caller.answer()[0] == status
            caller.close()
    finally:
        server.close()


def test_in_a_cluster_a_status_may_take_time(app: App, settings: Settings) -> None:
    """Another host may have to be asked: the others are not to wait for that."""
    several = dataclasses.replace(
        settings, cluster_etcd=("http://127.0.0.1:1",), replica_url="/srv/replicas"
    )
    for caller in served(app, channel_class(several)):
        caller.send(STATUS)
        assert by_worker(caller)
