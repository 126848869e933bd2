"""Line: one kept connection, through a door or straight to an instance. And a crowd of them."""

from __future__ import annotations

import re
import selectors
import socket
import time
from types import TracebackType

PATIENCE = 60.0
HEALTH = "/api/health"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Line:
    """Asks for one thing after another. ``host`` is whom a door lets it speak to."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = host

    def get(self, path: str = HEALTH) -> float:
        """Return the seconds until the answer is there; raise RuntimeError unless it is 200."""
        began = time.perf_counter()
        self.ask(path)
        received = b""
        while not is_answered(received):
            more = self._socket.recv(65_536)
            if not more:
                raise RuntimeError(f"hung up after {received!r}")
            received += more
        return time.perf_counter() - began

    def ask(self, path: str = HEALTH) -> None:
        """Send a request."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())

    def fileno(self) -> int:
        """For selectors."""
        return self._socket.fileno()

    def receive(self) -> bytes:
        """Return what is there."""
        return self._socket.recv(65_536)

    def __enter__(self) -> Line:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.close()


def is_answered(received: bytes) -> bool:
    """Whether that is a whole answer; raise RuntimeError when it is none that is 200."""
    head, separator, body = received.partition(b"\r\n\r\n")
    if not separator:
        return False
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(received[:300].decode(errors="replace"))
    length = _LENGTH.search(head)
    assert length is not None, head
    return len(body) >= int(length[1])


def ask_at_once(count: int, port: int, host: str = "127.0.0.1") -> list[float]:
    """Connect so many, have all ask at once; return the seconds until each has its answer."""
    lines = [Line(port, host) for _ in range(count)]
    times: list[float] = []
    with selectors.DefaultSelector() as selector:
        received = dict.fromkeys(lines, b"")
        for line in lines:
            selector.register(line, selectors.EVENT_READ, line)
        began = time.perf_counter()
        for line in lines:
            line.ask()
        while len(times) < count:
            ready = selector.select(PATIENCE)
            if not ready:
                raise TimeoutError(f"{len(times)} of {count} were answered")
            for key, _ in ready:
                line = key.data
                received[line] += line.receive()
                if is_answered(received[line]):
                    times.append(time.perf_counter() - began)
                    selector.unregister(line)
    for line in lines:
        line.__exit__(None, None, None)
    return times
