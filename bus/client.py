"""Asking the manager over the command socket."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import zmq

from bus import codec, trace
from bus.answers import Answer, ErrorAnswer
from bus.errors import BusTimeout, Unavailable
from bus.requests import Request
from bus.stopwatch import Stopwatch

if TYPE_CHECKING:  # a client elsewhere counts nothing, and is spared the library
    from bus.metrics import Metrics

_A = TypeVar("_A", bound=Answer)

CONNECT_PATIENCE = 2.0
"""Seconds until a manager that cannot be reached at all counts as not there."""


class BusClient:
    """Asks requests, from any number of threads.

    Every call has one deadline. An answer that comes after it is skipped by the next call, so a
    caller that gave up hurts nobody.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        timeout: float = 5.0,
        context: zmq.Context[Any] | None = None,
        metrics: Metrics | None = None,
    ) -> None:
        """``timeout`` is in seconds, for calls that name none.

        ``inproc://`` endpoints need the ``context`` of the hub, which must outlive the client. With
        ``metrics`` every answer is timed there.
        """
        self._endpoint = endpoint
        self._timeout = timeout
        self._metrics = metrics
        self._own_context = context is None
        self._context: zmq.Context[Any] = zmq.Context() if context is None else context
        # The line used last is used next: there are no more than calls at the same time.
        self._lines: list[_Line] = []
        self._idle: list[_Line] = []
        self._numbers = itertools.count(1)
        self._calls = 0
        self._calls_changed = threading.Condition()
        self._closed = False
        self._close_reader, self._close_writer = os.pipe2(os.O_CLOEXEC)

    def ask(self, request: Request, answer: type[_A], *, timeout: float | None = None) -> _A:
        """Return the answer, or raise the :class:`bus.errors.PblmError` that the manager answered.

        Raises :class:`bus.errors.BusTimeout` when none came within ``timeout`` seconds.
        """
        watch = Stopwatch()
        reply = self._answer(request, self._timeout if timeout is None else timeout)
        if self._metrics is not None:
            name = type(request).__name__
            self._metrics.bus_round_trips.labels(name).observe(watch.seconds())
        if isinstance(reply, ErrorAnswer):
            raise reply.error()
        if not isinstance(reply, answer):
            raise Unavailable(f"The manager answered {type(reply).__name__} to {request!r}")
        return reply

    def _answer(self, request: Request, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        with self._call():
            body = self._exchange(codec.encode(request), deadline)
        if body is None:
            raise no_answer(timeout)
        return codec.decode_answer(body)

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._calls_changed:
            if self._closed:
                raise closed()
            self._calls += 1
        try:
            yield
        finally:
            with self._calls_changed:
                self._calls -= 1
                self._calls_changed.notify_all()

    def _exchange(self, body: bytes, deadline: float) -> bytes | None:
        try:
            line = self._idle.pop()
        except IndexError:
            line = _Line(self._context, self._endpoint, self._close_reader)
            self._lines.append(line)
        try:
            return line.exchange(next(self._numbers).to_bytes(8, "big"), body, deadline)
        finally:
            self._idle.append(line)

    def close(self) -> None:
        """Close the sockets of all threads; calls that still wait raise :class:`Unavailable`."""
        with self._calls_changed:
            if self._closed:
                return
            self._closed = True
            self._wake_all()
            self._calls_changed.wait_for(lambda: self._calls == 0)
        for line in self._lines:  # only now: no thread is inside one of them
            line.close()
        if self._own_context:
            self._context.term()
        os.close(self._close_reader)
        os.close(self._close_writer)

    def _wake_all(self) -> None:
        os.write(self._close_writer, b"\0")  # never read: it wakes every call that waits

    def __enter__(self) -> BusClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _Line:
    """One connection to the manager, used by one thread at a time."""

    def __init__(self, context: zmq.Context[Any], endpoint: str, closing: int) -> None:
        self._closing = closing
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.immediate = True  # a request must not wait in a queue for a later manager
        self._socket.reconnect_ivl = 20
        self._socket.reconnect_ivl_max = 500
        self._socket.connect(endpoint)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(closing, zmq.POLLIN)

    def exchange(self, number: bytes, body: bytes, deadline: float) -> bytes | None:
        """Return the answer with this number; None when none came in time."""
        request_id = trace.request_id().encode()
        self._send([number, request_id, body] if request_id else [number, body], deadline)
        while self._wait(zmq.POLLIN, deadline):
            frames: list[bytes] = self._socket.recv_multipart()
            if frames[0] == number:
                return frames[-1]
        return None

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _send(self, frames: list[bytes], deadline: float) -> None:
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:  # not connected yet, or nobody is there
            if not self._wait(zmq.POLLOUT, min(deadline, time.monotonic() + CONNECT_PATIENCE)):
                raise Unavailable("The manager is not there", retry_after=1) from None
            self._socket.send_multipart(frames)

    def _wait(self, flag: int, deadline: float) -> bool:
        self._poller.register(self._socket, flag)
        ready = dict(self._poller.poll(_milliseconds(deadline)))
        if self._closing in ready:
            raise closed()
        return self._socket in ready


def closed() -> Unavailable:
    """Return the error of a call on a client that is closed."""
    return Unavailable("The bus client is closed", retry_after=1)


def no_answer(timeout: float) -> BusTimeout:
    """Return the error of a call that nobody answered."""
    return BusTimeout(f"The manager did not answer within {timeout:g} s", retry_after=1)


def _milliseconds(deadline: float) -> int:
    return max(0, round((deadline - time.monotonic()) * 1000))
