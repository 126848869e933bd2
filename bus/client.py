"""Asking the manager over the command socket."""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

import zmq

from bus import codec
from bus.answers import Answer, ErrorAnswer
from bus.errors import BusTimeout, Unavailable
from bus.requests import Request

_A = TypeVar("_A", bound=Answer)


class BusClient:
    """Asks requests, from any number of threads; each thread has a socket of its own.

    Every call has one deadline. An answer that comes after it is skipped by the next call, so a
    caller that gave up hurts nobody.
    """

    def __init__(self, endpoint: str, *, timeout: float = 5.0) -> None:
        """``timeout`` is in seconds, for calls that name none."""
        self._endpoint = endpoint
        self._timeout = timeout
        self._context = zmq.Context()
        self._local = threading.local()
        self._numbers = itertools.count(1)
        self._calls = 0
        self._calls_changed = threading.Condition()
        self._closed = False
        self._close_reader, self._close_writer = os.pipe2(os.O_CLOEXEC)

    def ask(self, request: Request, answer: type[_A], *, timeout: float | None = None) -> _A:
        """Return the answer, or raise the :class:`bus.errors.PblmError` that the manager answered.

        Raises :class:`bus.errors.BusTimeout` when none came within ``timeout`` seconds.
        """
        timeout = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + timeout
        with self._call():
            body = self._exchange(codec.encode(request), deadline)
        if body is None:
            raise BusTimeout(f"The manager did not answer within {timeout:g} s", retry_after=1)
        reply = codec.decode_answer(body)
        if isinstance(reply, ErrorAnswer):
            raise reply.error()
        if not isinstance(reply, answer):
            raise Unavailable(f"The manager answered {type(reply).__name__} to {request!r}")
        return reply

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._calls_changed:
            if self._closed:
                raise _closed()
            self._calls += 1
        try:
            yield
        finally:
            with self._calls_changed:
                self._calls -= 1
                self._calls_changed.notify_all()

    def _exchange(self, body: bytes, deadline: float) -> bytes | None:
        socket = self._socket()
        number = next(self._numbers).to_bytes(8, "big")
        if not self._wait(socket, zmq.POLLOUT, deadline):
            return None
        socket.send_multipart([number, body])
        while self._wait(socket, zmq.POLLIN, deadline):
            frames = socket.recv_multipart()
            if frames[0] == number:
                return frames[-1]
        return None

    def _wait(self, socket: zmq.Socket[bytes], flag: int, deadline: float) -> bool:
        poller = zmq.Poller()
        poller.register(socket, flag)
        poller.register(self._close_reader, zmq.POLLIN)
        ready = dict(poller.poll(_milliseconds(deadline)))
        if self._close_reader in ready:
            raise _closed()
        return socket in ready

    def _socket(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] | None = getattr(self._local, "socket", None)
        if socket is None:
            socket = self._context.socket(zmq.DEALER)
            socket.linger = 0
            socket.immediate = True  # a request must not wait in a queue for a later manager
            socket.reconnect_ivl = 20
            socket.reconnect_ivl_max = 500
            socket.connect(self._endpoint)
            self._local.socket = socket
        return socket

    def close(self) -> None:
        """Close the sockets of all threads; calls that still wait raise :class:`Unavailable`."""
        with self._calls_changed:
            if self._closed:
                return
            self._closed = True
            os.write(self._close_writer, b"\0")  # never read: it wakes every call that waits
            self._calls_changed.wait_for(lambda: self._calls == 0)
        self._context.destroy(linger=0)  # only now: no thread is inside one of its sockets
        os.close(self._close_reader)
        os.close(self._close_writer)

    def __enter__(self) -> BusClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _closed() -> Unavailable:
    return Unavailable("The bus client is closed", retry_after=1)


def _milliseconds(deadline: float) -> int:
    return max(0, round((deadline - time.monotonic()) * 1000))
