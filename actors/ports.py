"""PortRegistry: which port is whose.

Whoever passes requests on to an instance may know its port a little longer than it has it, and
what arrives late at a port must not reach another user's database. So a user keeps its port while
they last, over stops and sleep; a freed one goes to nobody else for :data:`COOLING` seconds; and
of the freed ones the one that is free for longest is handed out first.
"""

from __future__ import annotations

import hashlib
import logging
import socket
from collections import deque
from collections.abc import Callable, Iterator

import pykka

from actors.clock import Clock
from actors.facts import ClaimPort, ParkPort, PortCooled, ReleasePort, ReservePort
from actors.layout import LOOPBACK
from actors.telling import tell

COOLING = 5.0
"""Seconds; longer than any door remembers where a user was (2 s: ``max-age`` of ``/wake``)."""

log = logging.getLogger(__name__)


def preferred_offset(user_id: str, port_range: int) -> int:
    """Where in the range the user's port lies: the same in every run and on every machine."""
    digest = hashlib.sha256(user_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % port_range


def is_free(port: int, address: str = LOOPBACK) -> bool:
    """Whether PocketBase could listen on ``port`` of the address now, and of loopback.

    There copies are tried (:mod:`actors.backups.proof`). ``SO_REUSEADDR`` is set as Go's listener
    sets it: connections that are merely closing do not count as taken.
    """
    return all(_may_listen(each, port) for each in {address, LOOPBACK})


def _may_listen(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


class PortRegistry(pykka.ThreadingActor):
    """Owns the ports of the range: ``base_port`` up to, not including, ``base_port + range``."""

    def __init__(
        self,
        base_port: int,
        port_range: int,
        clock: Clock,
        *,
        is_free: Callable[[int], bool] = is_free,
    ) -> None:
        super().__init__()
        self._base = base_port
        self._range = port_range
        self._clock = clock
        self._is_free = is_free
        self._port_of: dict[str, int] = {}
        self._user_of: dict[int, str] = {}
        self._parked: dict[int, str] = {}
        """Ports of sleeping users, that of the longest sleeper first."""
        self._freed: dict[int, tuple[str, float]] = {}
        """Who had a port before, and until when; the longest free first."""
        self._waiting: deque[ReservePort] = deque()

    def on_receive(self, message: object) -> None:
        """Take a request for a port, or the news that one is not needed any more."""
        match message:
            case ReservePort():
                self._reserve(message)
            case ClaimPort(user_id=user_id, port=port):
                self._release(user_id)
                self._assign(user_id, port)
            case ReleasePort(user_id=user_id):
                self._release(user_id)
            case ParkPort(user_id=user_id, port=port):
                self._park(user_id, port)
            case PortCooled():
                waiting, self._waiting = self._waiting, deque()
                for request in waiting:
                    self._reserve(request)
            case _:
                log.error("ports: not understood: %r", message)

    def _reserve(self, message: ReservePort) -> None:
        self._release(message.user_id)
        for port in self._candidates(message.user_id, message.last):
            if port not in self._user_of and port not in message.avoid and self._is_free(port):
                self._assign(message.user_id, port)
                message.reply(port)
                return
        cooled = self._next_cooled(message.avoid)
        if cooled is None:
            message.reply(None)
            return
        self._waiting.append(message)
        self._clock.call_later(cooled, self._tell_cooled)

    def _candidates(self, user_id: str, last: int | None) -> Iterator[int]:
        first = self._base + preferred_offset(user_id, self._range)
        own = (first,) if last is None else (last, first)
        for port in own:
            if self._in_range(port) and self._may_have(user_id, port):
                yield port
        for step in range(self._range):
            port = self._base + (first - self._base + step) % self._range
            if port not in self._freed and port not in self._parked:
                yield port
        cool = self._clock.monotonic() - COOLING
        yield from [port for port, (_, since) in self._freed.items() if since <= cool]
        yield from list(self._parked)

    def _may_have(self, user_id: str, port: int) -> bool:
        """Whether it is no sleeper's, and nobody else's of whom somebody may still think."""
        former, since = self._freed.get(port, (user_id, 0.0))
        cool = former == user_id or since <= self._clock.monotonic() - COOLING
        return cool and self._parked.get(port, user_id) == user_id

    def _next_cooled(self, avoid: frozenset[int]) -> float | None:
        """In how many seconds a port is cool that is too warm now, if there is one."""
        now = self._clock.monotonic()
        left = [
            since + COOLING - now
            for port, (_, since) in self._freed.items()
            if since + COOLING > now and port not in avoid
        ]
        return min(left, default=None)

    def _tell_cooled(self) -> None:
        tell(self.actor_ref, PortCooled())

    def _in_range(self, port: int) -> bool:
        return self._base <= port < self._base + self._range

    def _assign(self, user_id: str, port: int) -> None:
        self._port_of[user_id] = port
        self._user_of[port] = user_id
        self._parked.pop(port, None)
        self._freed.pop(port, None)

    def _release(self, user_id: str) -> None:
        self._waiting = deque(each for each in self._waiting if each.user_id != user_id)
        port = self._port_of.pop(user_id, None)
        if port is not None and self._user_of.get(port) == user_id:
            del self._user_of[port]
            self._freed.pop(port, None)
            self._freed[port] = (user_id, self._clock.monotonic())

    def _park(self, user_id: str, port: int) -> None:
        self._release(user_id)
        if port not in self._user_of and self._in_range(port):
            self._freed.pop(port, None)
            self._parked[port] = user_id
