"""Gateway: etcd's own JSON gateway, spoken to member by member. Knows nothing of users.

A client that hides which member answered cannot renew a membership (see
:mod:`actors.cluster.membership`), so a call goes to one member here, and to the next only when the
caller takes either's answer. https://etcd.io/docs/v3.5/dev-guide/api_grpc_gateway/
"""

from __future__ import annotations

import base64
import contextlib
import ssl
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from socket import SHUT_RDWR
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from bus.settings import Settings

T = TypeVar("T")
KEPT = 4
"""So many connections to a member are kept open while nobody uses them."""
UNAUTHENTICATED = 401


class Unreachable(Exception):
    """No answer, or none that says what was asked; it may have been carried out or not."""


class KeyValue(msgspec.Struct, frozen=True):
    """A key, as etcd tells of it."""

    key: str
    create_revision: int = 0
    mod_revision: int = 0
    value: str = ""
    lease: int = 0

    @property
    def name(self) -> str:
        """The key itself."""
        return base64.b64decode(self.key).decode()

    @property
    def content(self) -> bytes:
        """The value itself."""
        return base64.b64decode(self.value)


class Header(msgspec.Struct, frozen=True):
    """At which revision it was answered."""

    revision: int = 0


class Range(msgspec.Struct, frozen=True):
    """Keys that were asked for."""

    header: Header
    kvs: list[KeyValue] = []


class Committed(msgspec.Struct, frozen=True):
    """What became of a transaction."""

    header: Header
    succeeded: bool = False


class Status(msgspec.Struct, frozen=True):
    """How a member is."""

    version: str


class Granted(msgspec.Struct, frozen=True):
    """A lease."""

    ID: int


class _Alive(msgspec.Struct, frozen=True):
    TTL: int = 0


class _AliveAnswer(msgspec.Struct, frozen=True):
    result: _Alive | None = None


class _Token(msgspec.Struct, frozen=True):
    token: str


class Event(msgspec.Struct, frozen=True):
    """A key that was put, or has gone."""

    kv: KeyValue
    type: str = "PUT"


DELETE = "DELETE"


class Heard(msgspec.Struct, frozen=True):
    """One message of a watch."""

    header: Header
    canceled: bool = False
    events: list[Event] = []


class _HeardAnswer(msgspec.Struct, frozen=True):
    result: Heard


def encoded(text: str | bytes) -> str:
    """Return it as the gateway takes keys and values."""
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def end_of(prefix: str) -> str:
    """Return the first key behind all that begin with ``prefix``."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)


class Member:
    """One member of etcd. Any thread may use it."""

    def __init__(self, url: str, settings: Settings) -> None:
        parts = urlsplit(url)
        self.url = url
        self._host, self._port = parts.hostname or "", parts.port or 2379
        self._tls = _tls(settings) if parts.scheme == "https" else None
        self._login = (settings.etcd_user, settings.etcd_password)
        self._token: str | None = None
        self._lock = Lock()
        self._idle: list[HTTPConnection] = []
        self._streams: set[HTTPConnection] = set()

    def call(self, path: str, body: dict[str, Any], answer: type[T], timeout: float) -> T:
        """Ask; raises :class:`Unreachable` when the answer is none within ``timeout`` seconds."""
        connection = self._connection(timeout)
        try:
            response = self._send(connection, path, body)
            said = response.read()
        except (OSError, HTTPException) as error:
            connection.close()
            self._drop_idle()  # what is idle has most likely ended likewise
            raise Unreachable(f"{self.url}: {error or type(error).__name__}") from error
        self._keep(connection)
        if response.status == UNAUTHENTICATED and self._token is not None:
            self._token = None  # it has expired
            return self.call(path, body, answer, timeout)
        return self._read(response.status, said, answer)

    def stream(self, path: str, body: dict[str, Any], silence: float) -> Iterator[Heard]:
        """Yield what a watch tells; raises :class:`Unreachable` when it ends, or is silent."""
        connection = self._connection(silence)
        self._streams.add(connection)
        try:
            response = self._send(connection, path, body)
            while line := response.readline():
                yield self._read(response.status, line, _HeardAnswer).result
        except (OSError, HTTPException) as error:
            raise Unreachable(f"{self.url}: {error or type(error).__name__}") from error
        finally:
            self._streams.discard(connection)
            connection.close()
        raise Unreachable(f"{self.url}: the watch has ended")

    def close(self) -> None:
        """Close what is open, and end the watches."""
        self._drop_idle()
        for connection in tuple(self._streams):
            if connection.sock is not None:
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(SHUT_RDWR)

    def _drop_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _send(self, connection: HTTPConnection, path: str, body: dict[str, Any]) -> HTTPResponse:
        headers = {"Content-Type": "application/json"}
        token = self._authenticated(connection)
        if token is not None:
            headers["Authorization"] = token
        connection.request("POST", f"/v3/{path}", msgspec.json.encode(body), headers)
        return connection.getresponse()

    def _authenticated(self, connection: HTTPConnection) -> str | None:
        user, password = self._login
        if user is None or self._token is not None:
            return self._token
        login = msgspec.json.encode({"name": user, "password": password})
        connection.request("POST", "/v3/auth/authenticate", login)
        response = connection.getresponse()
        self._token = self._read(response.status, response.read(), _Token).token
        return self._token

    def _read(self, status: int, said: bytes, answer: type[T]) -> T:
        try:
            if status == 200:
                return msgspec.json.decode(said, type=answer, strict=False)
        except msgspec.DecodeError as error:
            raise Unreachable(f"{self.url}: {error}: {said[:200]!r}") from error
        raise Unreachable(f"{self.url}: {status}: {said[:200].decode(errors='replace')}")

    def _connection(self, timeout: float) -> HTTPConnection:
        with self._lock:
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            if self._tls is None:
                connection = HTTPConnection(self._host, self._port)
            else:
                connection = HTTPSConnection(self._host, self._port, context=self._tls)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _keep(self, connection: HTTPConnection) -> None:
        with self._lock:
            if len(self._idle) < KEPT:
                self._idle.append(connection)
                return
        connection.close()


class Gateway:
    """All members, and which of them answered last."""

    def __init__(self, settings: Settings) -> None:
        self._members = [Member(url, settings) for url in settings.cluster_etcd]

    @property
    def members(self) -> list[Member]:
        """The members, the one that answered last first."""
        return list(self._members)

    def prefer(self, member: Member) -> None:
        """It answers: ask it first."""
        others = [each for each in self._members if each is not member]
        self._members = [member, *others]

    def avoid(self, member: Member) -> None:
        """It does not answer: ask it last."""
        others = [each for each in self._members if each is not member]
        self._members = [*others, member]

    def call(self, path: str, body: dict[str, Any], answer: type[T], timeout: float) -> T:
        """Ask whoever answers within ``timeout`` seconds; raises :class:`Unreachable`."""
        problems = []
        for member in self.members:
            try:
                found = member.call(path, body, answer, timeout)
            except Unreachable as error:
                problems.append(str(error))
            else:
                self.prefer(member)
                return found
        raise Unreachable("; ".join(problems))

    def versions(self, timeout: float) -> dict[str, str]:
        """Return which etcd each member is, of those that answer within ``timeout`` seconds."""
        found = {}
        for member in self.members:
            with contextlib.suppress(Unreachable):
                found[member.url] = member.call("maintenance/status", {}, Status, timeout).version
        return found

    def close(self) -> None:
        """Close what is open."""
        for member in self._members:
            member.close()


def keep_alive(member: Member, lease: int, timeout: float) -> int:
    """Prolong a lease; return how many seconds it has, 0 when there is none any more.

    What this answers is no proof: a member that was the leader says so too.
    """
    answer = member.call("lease/keepalive", {"ID": lease}, _AliveAnswer, timeout)
    return 0 if answer.result is None else answer.result.TTL


def _tls(settings: Settings) -> ssl.SSLContext:
    ca = settings.etcd_ca
    context = ssl.create_default_context(cafile=None if ca is None else str(ca))
    if settings.etcd_certificate is not None and settings.etcd_key is not None:
        context.load_cert_chain(settings.etcd_certificate, settings.etcd_key)
    return context
