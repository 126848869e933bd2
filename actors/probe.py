"""Probe: whether PocketBase says that it is healthy, asked on a bare socket by the clock's thread.

While an instance starts it is asked again and again, and a fleet hundreds of times a minute; a
library's client would take ten times the CPU time of the question itself, and a thread for each
would take it from those who wait for an answer of ours.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
from collections.abc import Callable

from actors.clock import LoopClock, Timer
from actors.layout import LOOPBACK
from actors.traffic import PROBE_ADDRESS

REQUEST = (
    b"%s /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: pblm\r\nConnection: close\r\n\r\n"
)
STATUS = slice(9, 12)
"""Where the status code stands in an answer (RFC 9112, section 4)."""

Place = tuple[str, int]
"""Address and port of a PocketBase."""
Told = Callable[[Exception | None], None]


class BadAnswer(Exception):
    """PocketBase answered, and not with success."""


class NotAskedError(Exception):
    """There is no socket to ask with: it says nothing about PocketBase, and may pass."""


class Question:
    """One question to one instance. All of it happens on the clock's thread."""

    def __init__(self, clock: LoopClock, place: Place, *, timeout: float, told: Told) -> None:
        """``told`` is called once, with None when it is healthy, else with what is wrong.

        That is an :class:`OSError`, a :class:`BadAnswer` or a :class:`NotAskedError`.

        It is a :class:`TimeoutError` when there was no answer within ``timeout`` seconds.
        """
        self._clock = clock
        self._place = place
        self._timeout = timeout
        self._told = told
        self._answer = b""
        self._socket: socket.socket | None = None
        self._timer: Timer | None = None

    def ask(self, method: bytes) -> None:
        """Ask. ``OPTIONS`` leaves no row in the user's own request log, where ``GET`` leaves one.

        Who is not listened to is told so before this returns.
        """
        try:
            self._socket = _socket()
        except OSError as error:  # no files left, or no ports
            self._end(NotAskedError(str(error)))
            return
        try:
            _connect(self._socket, self._place)
            self._request = memoryview(REQUEST % method)
            self._timer = self._clock.call_later(self._timeout, self._expired)
            self._send()
        except OSError as error:
            self._end(error)

    @property
    def waits(self) -> bool:
        """Whether it was asked, and nobody was told yet."""
        return self._socket is not None

    def abandon(self) -> None:
        """Nobody wants to know any more, and nobody is told."""
        if self._timer is not None:
            self._timer.cancel()
        if self._socket is not None:
            self._clock.look_away(self._socket.fileno())
            self._socket.close()
        self._socket = None

    def _send(self) -> None:
        assert self._socket is not None
        try:
            self._request = self._request[self._socket.send(self._request) :]
        except BlockingIOError:  # so many wait there that the kernel has not let us in yet
            self._await(selectors.EVENT_WRITE, self._send)
        except OSError as error:
            self._end(error)
        else:
            self._await(selectors.EVENT_READ, self._read)

    def _read(self) -> None:
        assert self._socket is not None
        try:
            part = self._socket.recv(4096)
            if not part:
                raise ConnectionAbortedError("it hung up")
        except OSError as error:
            self._end(error)
            return
        self._answer += part
        if len(self._answer) < STATUS.stop:
            self._await(selectors.EVENT_READ, self._read)
            return
        code = self._answer[STATUS]
        well = self._answer.startswith(b"HTTP/1.") and code[:1] == b"2"
        self._end(None if well else BadAnswer(f"it answers {code.decode(errors='replace')}"))

    def _await(self, events: int, call: Callable[[], None]) -> None:
        assert self._socket is not None
        self._clock.await_io(self._socket.fileno(), events, call)

    def _expired(self) -> None:
        if self.waits:
            self._end(TimeoutError())

    def _end(self, error: Exception | None) -> None:
        self.abandon()
        self._told(error)


class Questions:
    """Those under way. The clock's thread alone asks and changes them."""

    def __init__(self, clock: LoopClock) -> None:
        self._clock = clock
        self._open: set[Question] = set()

    def new(self, place: Place, timeout: float, told: Told) -> Question:
        """Return one that is to be asked; see :class:`Question`."""

        def done(error: Exception | None) -> None:
            self._open.discard(question)
            told(error)

        question = Question(self._clock, place, timeout=timeout, told=done)
        self._open.add(question)
        return question

    def abandon(self) -> None:
        """Nobody is told anything any more."""
        for question in self._open:
            question.abandon()
        self._open.clear()


def listens(port: int, address: str = LOOPBACK) -> bool:
    """Whether anybody listens there, on an address of this machine."""
    with _socket() as connection:
        try:
            _connect(connection, (address, port))
        except OSError:
            return False
    return True


def _connect(connection: socket.socket, place: Place) -> None:
    """Connect without waiting; raise :class:`OSError` when that is refused.

    Within one machine the kernel knows of a refusal before it returns; it tells it as the socket's
    error.
    """
    begun = connection.connect_ex(place)
    if begun == errno.EINPROGRESS:
        begun = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if begun:
        raise OSError(begun, os.strerror(begun))


def _socket() -> socket.socket:
    """Return one that does not block, and calls from where probes come from."""
    connection = socket.socket()
    try:
        connection.setblocking(False)
        connection.bind((PROBE_ADDRESS, 0))
    except OSError:
        connection.close()
        raise
    return connection
