"""PortRegistry: which port is whose."""

from __future__ import annotations

import hashlib
import logging
import socket
from collections.abc import Callable, Iterator

import pykka

from actors.facts import ClaimPort, ReleasePort, ReservePort

log = logging.getLogger(__name__)


def preferred_offset(user_id: str, port_range: int) -> int:
    """Where in the range the user's port lies: the same in every run and on every machine."""
    digest = hashlib.sha256(user_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % port_range


def is_free(port: int) -> bool:
    """Whether PocketBase could listen on ``port`` of loopback now.

    ``SO_REUSEADDR`` is set as Go's listener sets it: connections that are merely closing do not
    count as taken.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


class PortRegistry(pykka.ThreadingActor):
    """Owns the ports of the range: ``base_port`` up to, not including, ``base_port + range``."""

    def __init__(
        self, base_port: int, port_range: int, *, is_free: Callable[[int], bool] = is_free
    ) -> None:
        super().__init__()
        self._base = base_port
        self._range = port_range
        self._is_free = is_free
        self._port_of: dict[str, int] = {}
        self._user_of: dict[int, str] = {}

    def on_receive(self, message: object) -> None:
        """Take a request for a port, or the news that one is not needed any more."""
        match message:
            case ReservePort():
                message.reply(self._reserve(message))
            case ClaimPort(user_id=user_id, port=port):
                self._release(user_id)
                self._assign(user_id, port)
            case ReleasePort(user_id=user_id):
                self._release(user_id)
            case _:
                log.error("ports: not understood: %r", message)

    def _reserve(self, message: ReservePort) -> int | None:
        self._release(message.user_id)
        for port in self._candidates(message.user_id, message.last):
            if port not in self._user_of and port not in message.avoid and self._is_free(port):
                self._assign(message.user_id, port)
                return port
        return None

    def _assign(self, user_id: str, port: int) -> None:
        self._port_of[user_id] = port
        self._user_of[port] = user_id

    def _candidates(self, user_id: str, last: int | None) -> Iterator[int]:
        if last is not None and self._base <= last < self._base + self._range:
            yield last
        first = preferred_offset(user_id, self._range)
        for step in range(self._range):
            yield self._base + (first + step) % self._range

    def _release(self, user_id: str) -> None:
        port = self._port_of.pop(user_id, None)
        if port is not None and self._user_of.get(port) == user_id:
            del self._user_of[port]
