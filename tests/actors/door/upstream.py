"""Upstream: what stands behind a door that is tested alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

Action = Callable[[socket.socket, bytes], None]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"


def hello(connection: socket.socket, request: bytes) -> None:
    """Answer well."""
    connection.sendall(HELLO.removesuffix(b"hello") if request.startswith(b"HEAD ") else HELLO)


def at_port(port: int) -> Action:
    """Answer as the manager does whom a door asks: the instance is at that port."""
    head = f"HTTP/1.1 200 OK\r\nX-PB-Port: {port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

    def answer(connection: socket.socket, request: bytes) -> None:
        connection.sendall(head.encode())

    return answer


def hang_up(connection: socket.socket, request: bytes) -> None:
    """Die before there is an answer."""


class Upstream:
    """Takes one connection after another, and does with each what it is to do."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self.requests: list[bytes] = []
        """The head of each request that came."""
        self.plan: list[Action] = []
        """What to do with the next ones."""
        self.otherwise: Action = hello
        """What to do with all after them."""
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listener.getsockname()[1])

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(5)
                head = b""
                while b"\r\n\r\n" not in head and (more := connection.recv(65_536)):
                    head += more
                self.requests.append(head)
                (self.plan.pop(0) if self.plan else self.otherwise)(connection, head)

    def __enter__(self) -> Upstream:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
