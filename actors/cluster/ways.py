"""Ways: where the instances of other hosts answer, and may, for the door of this one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import urlsplit

from actors.cluster.directory import Directory, Place, State
from actors.door.routes import Ports, Route
from bus.events import Event, StatusChanged
from bus.states import Status


class Ways:
    """Follows the agreement of the hosts, and what they tell: that is there sooner.

    An instance that stops tells so while it still answers, so that the door asks for the next
    request instead of finding a closed port. From any thread.
    """

    def __init__(
        self,
        directory: Directory,
        lead: Callable[[Mapping[str, Route]], None],
        bound: Callable[[Mapping[str, Ports]], None],
    ) -> None:
        """``lead`` is told all of them, whenever some have changed.

        ``bound`` is told where instances may be at all: at the ports of the hosts that are there.
        """
        self._directory = directory
        self._lead = lead
        self._bound = bound
        self._lock = threading.Lock()
        self._resting: dict[str, Place] = {}
        """Users who do not run, as was told, and the places that do not say so yet."""

    def follow(self) -> None:
        """The agreement has changed."""
        with self._lock:
            self._resting = {
                user_id: place
                for user_id, place in self._resting.items()
                if self._directory.place(user_id) == place
            }
            self._bound(dict(self._known()))
            self._lead(dict(self._all()))

    def hear(self, event: Event) -> None:
        """Another host has told something."""
        if not isinstance(event, StatusChanged):
            return
        with self._lock:
            place = self._directory.place(event.user_id)
            if event.status is Status.RUNNING:
                changed = self._resting.pop(event.user_id, None) is not None
            else:
                changed = place is not None and self._resting.get(event.user_id) != place
                if place is not None:
                    self._resting[event.user_id] = place
            if changed:
                self._lead(dict(self._all()))

    def _known(self) -> Iterator[tuple[str, Ports]]:
        """Yield the address of each host, and its ports; those of hosts at one address as one."""
        hosts = self._directory.hosts()
        own = hosts.get(self._directory.host)
        found: dict[str, Ports] = {}
        for host in hosts.values():
            told = host if host.last_port or own is None else own
            address = urlsplit(host.bus).hostname
            if address is None:  # a host of a release that tells it otherwise
                continue
            former = found.get(address, Ports(told.first_port, told.last_port))
            found[address] = Ports(
                min(former.first, told.first_port), max(former.last, told.last_port)
            )
        yield from found.items()

    def _all(self) -> Iterator[tuple[str, Route]]:
        hosts = self._directory.hosts()
        for user_id, place in self._directory.places().items():
            elsewhere = place.host != self._directory.host and place.host in hosts
            if not elsewhere or place.state is not State.RUNNING or place.address is None:
                continue
            if user_id not in self._resting:
                address, _, port = place.address.rpartition(":")
                yield user_id, Route(int(port), address.strip("[]"))
