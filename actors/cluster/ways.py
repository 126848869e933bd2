"""Ways: where the instances of other hosts answer, for the door of this one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping

from actors.cluster.directory import Directory, Place, State
from actors.door.routes import Route
from bus.events import Event, StatusChanged
from bus.states import Status


class Ways:
    """Follows the agreement of the hosts, and what they tell: that is there sooner.

    An instance that stops tells so while it still answers, so that the door asks for the next
    request instead of finding a closed port. From any thread.
    """

    def __init__(self, directory: Directory, lead: Callable[[Mapping[str, Route]], None]) -> None:
        """``lead`` is told all of them, whenever some have changed."""
        self._directory = directory
        self._lead = lead
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

    def _all(self) -> Iterator[tuple[str, Route]]:
        hosts = self._directory.hosts()
        for user_id, place in self._directory.places().items():
            elsewhere = place.host != self._directory.host and place.host in hosts
            if not elsewhere or place.state is not State.RUNNING or place.address is None:
                continue
            if user_id not in self._resting:
                address, _, port = place.address.rpartition(":")
                yield user_id, Route(int(port), address.strip("[]"))
