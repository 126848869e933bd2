"""What a probe is."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import SimpleQueue

import pytest

from actors import probe
from actors.clock import LoopClock
from actors.data.database import UserDataError
from actors.data.userdata import read_identity
from actors.facts import Problem
from actors.health import HealthChecker, serves
from actors.probe import BadAnswer, Question, Questions
from actors.process import ManagedProcess, Processes
from actors.readiness import Readiness
from tests.actors import server
from tests.actors.children import ended, exit_code, spec, told
from tests.actors.fakes import PATIENCE, make_database


class Responder(HTTPServer):
    """Answers every request with one status, and remembers what was asked."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.asked: SimpleQueue[tuple[str, str]] = SimpleQueue()
        super().__init__(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def answer(self) -> None:
        assert isinstance(self.server, Responder)
        self.server.asked.put((self.command, self.path))
        self.send_response(self.server.status)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_OPTIONS = answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def checker(clock: LoopClock) -> Iterator[HealthChecker]:
    checker = HealthChecker(clock, threads=2, operator=None, timeout=PATIENCE)
    yield checker
    checker.close()


def respond(stack: ExitStack, status: int) -> Responder:
    """Run a server until the test ends."""
    responder = Responder(status)
    stack.callback(responder.close)
    return responder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    make_database(data)
    return data


@pytest.fixture
def port() -> int:
    """Return a port that is free."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number: int = taken.getsockname()[1]
    return number


def serve(processes: Processes, folder: Path, port: int, data: Path) -> ManagedProcess:
    """Start a process that serves ``data`` on ``port``."""
    return processes.spawn(spec(folder, sys.executable, server.__file__, str(port), str(data)))


@pytest.fixture
def ask(clock: LoopClock) -> Callable[[int, float], Exception | None]:
    """What is told of a port when it was asked and given so many seconds."""

    def ask(port: int, timeout: float = PATIENCE) -> Exception | None:
        told: SimpleQueue[Exception | None] = SimpleQueue()
        question = Question(clock, ("127.0.0.1", port), timeout=timeout, told=told.put)
        clock.post(lambda: question.ask(b"OPTIONS"))
        return told.get(timeout=PATIENCE)

    return ask


Ask = Callable[..., Exception | None]


@pytest.mark.parametrize("status", [200, 204])
def test_a_good_answer_is_healthy(stack: ExitStack, ask: Ask, status: int) -> None:
    """Any answer of success will do."""
    responder = respond(stack, status)
    assert ask(responder.server_port) is None
    assert responder.asked.get_nowait() == ("OPTIONS", "/api/health")


@pytest.mark.parametrize("status", [404, 500, 503])
def test_an_error_is_not_healthy(stack: ExitStack, ask: Ask, status: int) -> None:
    """An answer alone is not enough."""
    error = ask(respond(stack, status).server_port)
    assert isinstance(error, BadAnswer)
    assert str(error) == f"it answers {status}"


def test_nobody_there_is_not_healthy(port: int, ask: Ask) -> None:
    """A port that nobody listens on is told as such."""
    assert isinstance(ask(port), ConnectionRefusedError)


def test_silence_is_not_healthy(ask: Ask) -> None:
    """Who accepts and does not answer has had its time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert isinstance(ask(silent.getsockname()[1], 0.05), TimeoutError)


def test_who_lets_nobody_in_any_more_is_not_healthy(ask: Ask) -> None:
    """A connection that the kernel does not complete, as a queue is full, is waited for."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as callers:
        for _ in range(4):
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        assert isinstance(ask(full.getsockname()[1], 0.05), TimeoutError)


def test_who_hangs_up_is_not_healthy(ask: Ask) -> None:
    """No answer at all is none."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=lambda: server.accept()[0].close())
        thread.start()
        assert isinstance(ask(server.getsockname()[1]), ConnectionError)
        thread.join()


def test_who_trickles_has_had_his_time_too(ask: Ask) -> None:
    """An answer byte by byte is none: each would have begun the time anew."""
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        trickling = threading.Event()

        def trickle() -> None:
            with server.accept()[0] as connection, suppress(OSError):
                while not trickling.wait(0.03):
                    connection.sendall(b"H")

        thread = threading.Thread(target=trickle)
        thread.start()
        stack.callback(thread.join, PATIENCE)
        stack.callback(trickling.set)
        assert isinstance(ask(server.getsockname()[1], 0.1), TimeoutError)


def test_no_proxy_stands_between(
    stack: ExitStack, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy of the environment is not asked about loopback."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert ask(respond(stack, 200).server_port) is None


def test_an_answer_in_pieces_is_one(ask: Ask) -> None:
    """The kernel may hand it over byte by byte."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with server.accept()[0] as connection, suppress(OSError):  # it has read enough
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for byte in b"HTTP/1.1 204 No Content\r\n\r\n":
                    connection.sendall(bytes([byte]))

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask(server.getsockname()[1]) is None
        thread.join()


def test_a_check_reports(stack: ExitStack, checker: HealthChecker, port: int) -> None:
    """What a check finds comes to whom it was asked by: nothing, or what is wrong."""
    reports: SimpleQueue[Problem | None] = SimpleQueue()
    checker.check(respond(stack, 204).server_port, reports.put)
    assert reports.get(timeout=PATIENCE) is None
    checker.check(port, reports.put)
    assert reports.get(timeout=PATIENCE) == Problem(what="ConnectionRefusedError", silent=False)


def test_silence_is_reported_as_such(clock: LoopClock) -> None:
    """Who accepts and does not answer in time may hang, or only be slow."""
    reports: SimpleQueue[Problem | None] = SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        checker = HealthChecker(clock, threads=1, operator=None, timeout=0.05)
        checker.check(silent.getsockname()[1], reports.put)
        problem = reports.get(timeout=PATIENCE)
        checker.close()
    assert problem == Problem(what="no answer within 0.05 s", silent=True)


def test_a_check_that_cannot_be_made_is_no_strike(
    stack: ExitStack, checker: HealthChecker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When we have no files left, that says nothing about the instance: it is asked again."""
    refusals = [OSError(errno.EMFILE, "Too many open files"), OSError(errno.EADDRINUSE, "in use")]
    make = probe._socket

    def refuse() -> socket.socket:
        if refusals:
            raise refusals.pop()
        return make()

    monkeypatch.setattr("actors.probe._socket", refuse)
    monkeypatch.setattr("actors.health.AGAIN", 0.001)
    reports: SimpleQueue[Problem | None] = SimpleQueue()
    checker.check(respond(stack, 204).server_port, reports.put)
    assert reports.get(timeout=PATIENCE) is None
    assert not refusals


def test_a_closed_checker_does_nothing(clock: LoopClock, port: int) -> None:
    """After close no probe is begun, and nobody is told anything."""
    checker = HealthChecker(clock, threads=1, operator=None, timeout=PATIENCE)
    checker.close()
    checker.check(port, lambda problem: pytest.fail("reported"))


def test_ready_is_told_with_the_identity(
    processes: Processes, checker: HealthChecker, tmp_path: Path, port: int, data: Path
) -> None:
    """A new database is ready with its identity, once its own process serves it."""
    process = serve(processes, tmp_path, port, data)
    ready: SimpleQueue[str | None] = SimpleQueue()
    with ended(process):
        checker.await_ready(process, port, data, new=True, ready=ready.put)
        assert ready.get(timeout=PATIENCE) == "first.js@1"
        assert serves(process.pid, ("127.0.0.1", port), data)
        assert not serves(process.pid, ("127.0.0.1", port), tmp_path)
        assert not serves(process.pid, ("127.0.0.1", port + 1), data)


def test_ready_is_told_without_reading_what_is_known(
    processes: Processes, checker: HealthChecker, tmp_path: Path, port: int, data: Path
) -> None:
    """A known database is not asked for its identity again."""
    process = serve(processes, tmp_path, port, data)
    ready: SimpleQueue[str | None] = SimpleQueue()
    with ended(process):
        checker.await_ready(process, port, data, new=False, ready=ready.put)
        assert ready.get(timeout=PATIENCE) is None


def test_a_strangers_answer_is_not_ours(
    stack: ExitStack, processes: Processes, checker: HealthChecker, tmp_path: Path, data: Path
) -> None:
    """When somebody else answers on the port, the process is not ready, until it has ended."""
    stranger = respond(stack, 200)
    process = processes.spawn(spec(tmp_path, "/bin/sleep", "600"))
    with ended(process):
        checker.await_ready(
            process, stranger.server_port, data, new=False, ready=lambda _: pytest.fail("ready")
        )
        for _ in range(3):
            assert stranger.asked.get(timeout=PATIENCE) == ("GET", "/api/health")
    assert exit_code(process) == -9


def test_who_exits_is_never_ready(
    processes: Processes, checker: HealthChecker, clock: LoopClock, tmp_path: Path, port: int
) -> None:
    """Waiting ends with the process."""
    process = processes.spawn(spec(tmp_path, "/bin/true"))
    exits = told(process)
    told_ready: list[str | None] = []
    checker.await_ready(process, port, tmp_path, new=False, ready=told_ready.append)
    exits.get(timeout=PATIENCE)
    assert not told_ready


def test_who_has_exited_meanwhile_is_not_ready(
    stack: ExitStack, clock: LoopClock, processes: Processes, tmp_path: Path
) -> None:
    """An answer that came before the end is worth nothing: another process may be started next."""
    process = processes.spawn(spec(tmp_path, "/bin/sleep", "600"))
    exits, looked = told(process), threading.Event()

    def is_ours() -> bool:
        process.kill()
        looked.set()
        return True

    def look() -> Callable[[], None]:
        exits.get(timeout=PATIENCE)
        return lambda: pytest.fail("ready")

    place = ("127.0.0.1", respond(stack, 200).server_port)
    readiness = Readiness(
        clock,
        Questions(clock),
        process,
        place,
        is_ours=is_ours,
        look=look,
        run=lambda work: threading.Thread(target=work).start(),
        ready=lambda: pytest.fail("ready"),
    )
    clock.post(lambda: readiness.begin(None))
    assert looked.wait(PATIENCE)
    over = threading.Event()

    def watch() -> None:
        if readiness._over:
            over.set()
        else:
            clock.call_later(0.005, watch)

    clock.post(watch)
    assert over.wait(PATIENCE)


def test_a_database_that_is_no_pocketbases_is_not_ready(
    processes: Processes,
    checker: HealthChecker,
    tmp_path: Path,
    port: int,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A new database without an identity is waited for, and ready when it has one."""
    (data / "data.db").write_bytes(b"")
    looked = threading.Event()

    def looking(data: Path) -> str:
        try:
            return read_identity(data)
        except UserDataError:
            looked.set()
            raise

    monkeypatch.setattr("actors.health.read_identity", looking)
    process = serve(processes, tmp_path, port, data)
    ready: SimpleQueue[str | None] = SimpleQueue()
    with ended(process):
        checker.await_ready(process, port, data, new=True, ready=ready.put)
        assert looked.wait(PATIENCE)
        assert ready.empty()
        make_database(data)
        assert ready.get(timeout=PATIENCE) == "first.js@1"
