"""Probe: whether PocketBase says that it is healthy, asked on a bare socket.

While an instance starts it is asked every millisecond or two, and a fleet hundreds of times a
minute; a library's client would take ten times the CPU time of the question itself.
"""

from __future__ import annotations

import asyncio
import socket

from actors.layout import LOOPBACK
from actors.traffic import PROBE_ADDRESS
from bus.stopwatch import Stopwatch

READY_TIMEOUT = 3.0
"""How long a starting instance gets for its first answer, in seconds, before it is asked anew."""
REQUEST = (
    b"%s /api/health HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: pblm\r\nConnection: close\r\n\r\n"
)
STATUS = slice(9, 12)
"""Where the status code stands in an answer (RFC 9112, section 4)."""


class BadAnswer(Exception):
    """PocketBase answered, and not with success."""


def check_health(port: int, *, timeout: float, address: str = LOOPBACK) -> None:
    """Raise :class:`BadAnswer` or :class:`OSError` unless PocketBase on ``port`` is well.

    All of it takes ``timeout`` seconds at most. ``OPTIONS`` leaves no row in the user's own request
    log, where ``GET`` and ``HEAD`` leave one.
    """
    watch = Stopwatch()
    answer = b""
    with _socket() as connection:
        connection.settimeout(timeout)
        connection.connect((address, port))
        connection.sendall(REQUEST % b"OPTIONS")
        while len(answer) < STATUS.stop:
            left = timeout - watch.seconds()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(left)
            part = connection.recv(4096)
            if not part:
                raise ConnectionAbortedError("it hung up")
            answer += part
    if not _is_success(answer):
        raise BadAnswer(f"it answers {answer[STATUS].decode(errors='replace')}")


def listens(port: int, address: str = LOOPBACK) -> bool:
    """Whether anybody listens on ``port`` of this host: the cheap look before one that waits.

    Of its own addresses the kernel knows of a refusal before it returns, also from a connect that
    does not wait; it just tells it as the socket's error.
    """
    with _socket() as connection:
        connection.setblocking(False)
        connection.connect_ex((address, port))
        return connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


async def answers(port: int, address: str = LOOPBACK) -> bool:
    """Whether PocketBase answers its health with success, on the running loop."""
    loop = asyncio.get_running_loop()
    with _socket() as connection:
        connection.setblocking(False)
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                await loop.sock_connect(connection, (address, port))
                await loop.sock_sendall(connection, REQUEST % b"GET")
                return _is_success(await loop.sock_recv(connection, 64))
        except (OSError, TimeoutError):
            return False


def _is_success(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.") and answer[STATUS][:1] == b"2"


def _socket() -> socket.socket:
    """Return one that calls from where probes come from."""
    connection = socket.socket()
    connection.bind((PROBE_ADDRESS, 0))
    return connection
