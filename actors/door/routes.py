"""Routes: where requests for each user go. The door, if there is one, follows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from actors.layout import LOOPBACK

Busy = str | None
"""Who still uses an instance, in words; None: nobody does."""


class Route(NamedTuple):
    """Where an instance answers."""

    port: int
    address: str = LOOPBACK
    """Of its host."""


class Ports(NamedTuple):
    """Those of a host's instances, both ends included."""

    first: int
    last: int


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """Requests of one user, each number never less than before."""

    requests: int = 0
    errors: int = 0
    """Answered with 4xx."""
    failures: int = 0
    """Answered with 5xx."""
    waited: int = 0
    """Those that found nobody awake."""
    answers: tuple[int, ...] = ()
    """How many took at most as long as each of :data:`bus.door.BOUNDS`; the last: longer."""


class DoorActivity(msgspec.Struct, frozen=True, kw_only=True):
    """What the door knows of one user's requests."""

    idle: float
    """Seconds since the last request began or ended."""
    running: int
    """Requests under way; an open event stream is one."""
    counted: Counted
    """All requests since the door was started."""


class Door(Protocol):
    """What passes requests on. Told from any thread; it must not block."""

    def opened(self, user_id: str, route: Route) -> None:
        """Requests for the user go there from now on."""

    def closed(self, user_id: str) -> None:
        """Nothing answers for the user; whoever asks has to wake it."""

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        """There are instances at these ports of these addresses, and nowhere else."""

    def shut(self, user_id: str, report: Callable[[Busy], None]) -> None:
        """As :meth:`closed`; ``report`` who is inside once nobody new can come in."""

    def sample(self, report: Callable[[Mapping[str, DoorActivity]], None]) -> None:
        """Report what is known of all users' requests."""

    def pids(self) -> tuple[int, ...]:
        """The door's processes: it counts itself what comes through them."""


class Routes:
    """The routes of one manager. From any thread; each user's are changed by that user's actor.

    In a cluster also those to other hosts, which follow what the hosts have agreed on.
    """

    def __init__(self, here: str = LOOPBACK) -> None:
        """``here`` is where the instances of this host are reached."""
        self._here = here
        self._lock = threading.Lock()
        self._ports: dict[str, int] = {}
        self._elsewhere: dict[str, Route] = {}
        self._hosts: dict[str, Ports] = {}
        self._door: Door | None = None

    def serve(self, door: Door | None) -> None:
        """Have ``door`` follow from now on; it looks at :meth:`ports` for what was before."""
        with self._lock:
            self._door = door

    def ports(self) -> dict[str, int]:
        """Every user whose instance answers on this host, and where."""
        with self._lock:
            return dict(self._ports)

    def all(self) -> dict[str, Route]:
        """Every user whose instance answers, on whichever host."""
        with self._lock:
            own = {user: Route(port, self._here) for user, port in self._ports.items()}
            return self._elsewhere | own

    def hosts(self) -> dict[str, Ports]:
        """Where there may be instances, in a cluster."""
        with self._lock:
            return dict(self._hosts)

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        """There are instances at these ports of these addresses, and nowhere else."""
        with self._lock:
            if hosts != self._hosts:
                self._hosts = dict(hosts)
                if self._door is not None:
                    self._door.bound(self._hosts)

    def lead_elsewhere(self, routes: Mapping[str, Route]) -> None:
        """These are the users whose instances answer on other hosts now."""
        with self._lock:
            former, self._elsewhere = self._elsewhere, dict(routes)
            if self._door is None:
                return
            for user_id in (former.keys() | routes.keys()) - self._ports.keys():
                if former.get(user_id) != routes.get(user_id):
                    self._tell(self._door, user_id)

    def open(self, user_id: str, port: int) -> None:
        """The user's instance answers on ``port``."""
        with self._lock:
            self._ports[user_id] = port
            if self._door is not None:
                self._door.opened(user_id, Route(port, self._here))

    def close(self, user_id: str) -> None:
        """It does not answer any more."""
        with self._lock:
            if self._ports.pop(user_id, None) is not None and self._door is not None:
                self._tell(self._door, user_id)

    def _tell(self, door: Door, user_id: str) -> None:
        """Have the door follow what is known of a user who has no route on this host."""
        route = self._elsewhere.get(user_id)
        if route is None:
            door.closed(user_id)
        else:
            door.opened(user_id, route)

    def shut(self, user_id: str, report: Callable[[Busy], None]) -> None:
        """Let nobody new in, and ``report`` who is inside."""
        with self._lock:
            self._ports.pop(user_id, None)
            door = self._door
            if door is not None:
                door.shut(user_id, report)
        if door is None:
            report(None)

    def sample(self, report: Callable[[Mapping[str, DoorActivity]], None]) -> None:
        """Report what the door knows of all users' requests; nothing without one."""
        with self._lock:
            door = self._door
        if door is None:
            report({})
        else:
            door.sample(report)

    def pids(self) -> tuple[int, ...]:
        """The door's processes."""
        with self._lock:
            return () if self._door is None else self._door.pids()
