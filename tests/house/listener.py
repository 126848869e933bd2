"""Listener: hears a manager's status events by the library that everybody uses."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import TypeVar

from bus.events import Event, StatusChanged
from bus.states import Status
from bus.subscriber import Snapshot, Subscriber, Update
from tests.house.surroundings import PATIENCE

_E = TypeVar("_E", bound=Event)


class Listener:
    """Hears everything from the moment it is made: what it was told first is ``snapshot``."""

    def __init__(self, subscriber: Subscriber) -> None:
        self._subscriber = subscriber
        first = self.receive()
        assert isinstance(first, Snapshot), first
        self.snapshot = first

    def receive(self, within: float = PATIENCE) -> Update:
        """Return what comes next."""
        update = self._subscriber.receive(within)
        assert update is not None, f"nothing was heard for {within:g} s"
        return update

    def until(
        self, is_last: Callable[[StatusChanged], bool], within: float = PATIENCE
    ) -> list[StatusChanged]:
        """Return the changes from now up to the first one that ``is_last``."""
        deadline = time.monotonic() + within
        heard: list[StatusChanged] = []
        while not heard or not is_last(heard[-1]):
            update = self._subscriber.receive(max(0.0, deadline - time.monotonic()))
            assert update is not None, f"not heard within {within:g} s; heard {path(heard)}"
            if isinstance(update, StatusChanged):
                heard.append(update)
        return heard

    def until_status(self, status: Status, user_id: str | None = None) -> list[StatusChanged]:
        """Return the changes up to ``status`` (of ``user_id``, if given)."""
        return self.until(lambda one: one.status is status and user_id in (None, one.user_id))

    def silence(self, seconds: float) -> None:
        """See that nothing is heard for so long."""
        update = self._subscriber.receive(seconds)
        assert update is None, update

    def until_event(self, kind: type[_E]) -> _E:
        """Return the first event of this kind from now on."""
        while True:
            update = self.receive()
            if isinstance(update, kind):
                return update

    def snapshot_with(self, has: Callable[[Snapshot], bool]) -> Snapshot:
        """Return the first snapshot from now on that ``has`` what is wanted."""
        while True:
            update = self.receive()
            if isinstance(update, Snapshot) and has(update):
                return update

    def close(self) -> None:
        """Listen no more."""
        self._subscriber.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def path(changes: list[StatusChanged]) -> list[str]:
    """Return the statuses in the order in which they were heard, from the one before them on."""
    if not changes:
        return []
    return [str(changes[0].old), *(str(change.status) for change in changes)]
