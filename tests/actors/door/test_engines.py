"""Each engine alone, launched as the manager launches it: what it refuses, and what it repeats."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.door.config import SCRIPT, WAKE_SOCKET
from actors.door.engines import CONFIGURATION, Engine, make_engine
from actors.door.routes import Route
from actors.layout import Layout
from bus.settings import Settings
from tests.actors.door.upstream import Upstream, at_port, hang_up
from tests.house.surroundings import PATIENCE, eventually
from tests.ports import free_ports

HASTE = "200ms"
"""What a caller is given to send a request, in place of ten seconds."""


class Alone:
    """A door with one user, ``ann``."""

    kind = ""

    def __init__(
        self, engine: Engine, port: int, upstream: Upstream, manager: Upstream, folder: Path
    ) -> None:
        self.engine = engine
        self.port = port
        self.upstream = upstream
        self.manager = manager
        self.folder = folder

    def connect(self) -> socket.socket:
        """Return a connection to it."""
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def say(self, *lines: str, body: bytes = b"", user: str = "ann") -> str:
        """Send such a request; return the first line of the answer."""
        head = "\r\n".join((lines[0], f"Host: {user}.localhost", *lines[1:])) + "\r\n\r\n"
        with self.connect() as caller:
            caller.sendall(head.encode() + body)
            return read_status(caller)


def read_status(caller: socket.socket) -> str:
    """Return the first line of an answer; nothing when there was none."""
    said = b""
    while b"\r\n" not in said and (more := caller.recv(4096)):
        said += more
    return said.partition(b"\r\n")[0].decode()


@contextmanager
def alone(root: Path, **settings: str) -> Iterator[Alone]:
    """Start a door without a manager."""
    port = free_ports(1)
    given = {"PB_DOOR_PORT": str(port), "PB_USER_DBS_PATH": str(root)} | settings
    known = Settings.from_environ(given)
    layout = Layout(root=known.user_dbs_path, control=known.control_path)
    layout.prepare()
    engine = make_engine(known, layout)
    asked = socket.socket(socket.AF_UNIX)
    asked.bind(str(known.door_path / WAKE_SOCKET))
    (known.door_path / WAKE_SOCKET).chmod(0o666)  # the door is somebody else when we are root
    asked.listen()
    upstream = Upstream(socket.create_server(("127.0.0.1", 0)))
    manager = Upstream(asked)
    manager.otherwise = at_port(upstream.port)
    with upstream, manager, launched(engine, upstream.port):
        yield Alone(engine, port, upstream, manager, known.door_path)


@contextmanager
def launched(engine: Engine, port: int) -> Iterator[None]:
    """Run it as long as the ``with`` block does."""
    spec = engine.launch({"ann": Route(port)})
    assert spec.cwd is not None
    hasty(spec.cwd / CONFIGURATION)
    fragile(spec.cwd / SCRIPT)
    process = subprocess.Popen(spec.argv, env=dict(spec.env), cwd=spec.cwd)
    try:
        eventually(engine.answers, "it is up")
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def hasty(file: Path) -> None:
    """Have HAProxy lose its patience soon: ten seconds are too long for a test."""
    if file.exists():
        text = file.read_text()
        assert "timeout http-request 10s" in text
        file.write_text(text.replace("timeout http-request 10s", f"timeout http-request {HASTE}"))


def fragile(file: Path) -> None:
    """Have HAProxy's script fail while there is a file ``broken`` beside it."""
    if file.exists():
        text, head = file.read_text(), "local function ask(label)\n"
        assert head in text
        fault = '  if io.open("broken") then error("a fault") end\n'
        file.write_text(text.replace(head, head + fault))


@pytest.fixture(scope="module", params=["haproxy", "builtin"])
def door(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Alone]:
    """Return a door of either kind, which refuses superusers."""
    with alone(tmp_path_factory.mktemp("d"), PB_DOOR=request.param) as tested:
        tested.kind = request.param
        yield tested


def test_who_is_slow_on_purpose_is_cut_off(door: Alone) -> None:
    """A request that does not get finished holds no connection for longer than it is given."""
    if door.kind == "builtin":
        pytest.skip("it lets nobody but this machine's own users in")
    before = len(door.upstream.requests)
    with door.connect() as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: ann.localhost\r\nX: ")
        assert door.say("GET /api/health HTTP/1.1").endswith("200 OK")
        assert read_status(slow).endswith("408 Request Time-out")
        assert slow.recv(100) == b"" or slow.recv(100) == b""
    assert len(door.upstream.requests) == before + 1


@pytest.mark.parametrize(
    "line", ["X: " + "x" * 17_000, "Content-Length: nonsense", "A B: c", "Content-Length: 1, 2"]
)
def test_a_head_that_is_none_is_refused(door: Alone, line: str) -> None:
    """Too large, or not what HTTP is: the instance never sees it."""
    before = len(door.upstream.requests)
    assert " 400 " in door.say("POST /api/x HTTP/1.1", line)
    assert len(door.upstream.requests) == before


def test_a_large_body_is_refused_before_it_comes(door: Alone) -> None:
    """By what is announced; what is not announced is bounded by PocketBase."""
    assert " 413 " in door.say("POST / HTTP/1.1", f"Content-Length: {257 * 1024 * 1024}")
    assert " 200 " in door.say("POST / HTTP/1.1", "Content-Length: 5", body=b"hello")


@pytest.mark.parametrize(("method", "tried"), [("GET", 3), ("HEAD", 3), ("POST", 1), ("PATCH", 1)])
def test_what_may_have_been_done_is_not_repeated(door: Alone, method: str, tried: int) -> None:
    """An instance that dies before it answers is asked again only where that is harmless."""
    before = len(door.upstream.requests)
    door.upstream.plan = [hang_up, hang_up]
    status = door.say(f"{method} /api/x HTTP/1.1", "Content-Length: 0")
    assert len(door.upstream.requests) - before == tried
    assert (" 200 " in status) == (tried > 1)
    assert (" 502 " in status) == (tried == 1)
    door.upstream.plan = []


def test_the_callers_address_is_told_once(door: Alone) -> None:
    """Whatever the caller claims."""
    lies = ("X-Forwarded-For: 9.9.9.9", "x-forwarded-for: 8.8.8.8", "Forwarded: for=7.7.7.7")
    assert " 200 " in door.say("GET / HTTP/1.1", *lies)
    _, *lines = door.upstream.requests[-1].decode().lower().split("\r\n")
    told = [line for line in lines if "forwarded" in line.partition(":")[0]]
    assert sorted(told) == ["x-forwarded-for: 127.0.0.1", "x-forwarded-proto: http"]
    assert "host: ann.localhost" in lines


def test_a_fault_while_a_label_is_asked_about_is_no_end_of_it(door: Alone) -> None:
    """Whoever waited is told to come again, and is answered then."""
    if door.kind == "builtin":
        pytest.skip("it has no script")
    broken = door.folder / "broken"
    broken.touch()
    try:
        assert " 503 " in door.say("GET / HTTP/1.1", user="bob")
    finally:
        broken.unlink()
    assert " 200 " in door.say("GET / HTTP/1.1", user="bob")


SIGNING_IN = (
    "/api/collections/_superusers/auth-with-password",
    "//api//collections/_SUPERUSERS/auth-with-otp",
    "/api/collections/pbc_3142635823/auth-refresh",
    "/api/collections/%5fsuperusers/%61uth-with-password",
    "/api/collections/_superusers/request-otp?x=1",
    "/api/collections/_superusers/impersonate/x",
    "/api/collections/_superusers/auth-methods",
    "/api/collections/_%C5%BFuperuser%c5%bf/auth-with-password",
    "/api/collections/_SUPERUSER%C5%BF/auth-with-password",
)


@pytest.mark.parametrize("path", SIGNING_IN)
def test_no_superuser_signs_in(door: Alone, path: str) -> None:
    """However the path is written."""
    assert " 403 " in door.say(f"POST {path} HTTP/1.1", "Content-Length: 0")


@pytest.mark.parametrize(
    "path", ["/api/collections/users/auth-with-password", "/api/collections/_superusers/records"]
)
def test_others_do(door: Alone, path: str) -> None:
    """Users sign in, and what else there is of superusers is PocketBase's business."""
    assert " 200 " in door.say(f"POST {path} HTTP/1.1", "Content-Length: 0")


@pytest.mark.parametrize("kind", ["haproxy", "builtin"])
def test_superusers_sign_in_where_they_may(tmp_path: Path, kind: str) -> None:
    """The operator decides."""
    with alone(tmp_path, PB_DOOR=kind, PB_DOOR_SUPERUSERS="allow") as door:
        assert " 200 " in door.say(f"POST {SIGNING_IN[0]} HTTP/1.1", "Content-Length: 0")
