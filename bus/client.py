"""Asking the manager over the command socket."""

from __future__ import annotations

import itertools
import threading
import time
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
        self._closed = False

    def ask(self, request: Request, answer: type[_A], *, timeout: float | None = None) -> _A:
        """Return the answer, or raise the :class:`bus.errors.PblmError` that the manager answered.

        Raises :class:`bus.errors.BusTimeout` when none came within ``timeout`` seconds.
        """
        timeout = self._timeout if timeout is None else timeout
        deadline = time.monotonic() + timeout
        try:
            body = self._exchange(codec.encode(request), deadline)
        except zmq.ZMQError as error:
            raise Unavailable(f"The bus is closed: {error.strerror}", retry_after=1) from error
        if body is None:
            raise BusTimeout(f"The manager did not answer within {timeout:g} s", retry_after=1)
        reply = codec.decode_answer(body)
        if isinstance(reply, ErrorAnswer):
            raise reply.error()
        if not isinstance(reply, answer):
            raise Unavailable(f"The manager answered {type(reply).__name__} to {request!r}")
        return reply

    def _exchange(self, body: bytes, deadline: float) -> bytes | None:
        socket = self._socket()
        number = next(self._numbers).to_bytes(8, "big")
        if not socket.poll(_milliseconds(deadline), zmq.POLLOUT):
            return None
        socket.send_multipart([number, body])
        while socket.poll(_milliseconds(deadline)):
            frames = socket.recv_multipart()
            if frames[0] == number:
                return frames[-1]
        return None

    def _socket(self) -> zmq.Socket[bytes]:
        socket: zmq.Socket[bytes] | None = getattr(self._local, "socket", None)
        if socket is None:
            if self._closed:
                raise Unavailable("The bus client is closed")
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
        self._closed = True
        self._context.destroy(linger=0)

    def __enter__(self) -> BusClient:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _milliseconds(deadline: float) -> int:
    return max(0, round((deadline - time.monotonic()) * 1000))
