"""Handover: what the hosts are told of a user who moves from this host to another one.

::

    ours --begin--> moving, ours --hand over--> moving, nobody's, for the target
      ^                  |
      '------ stay ------'

Used from threads that may wait.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

import msgspec

from actors.cluster.coordination import Membership
from actors.cluster.directory import Place, State
from actors.cluster.hands import Hands
from actors.cluster.places import Places
from actors.cluster.placing import handed_over, held, order_of, standing_still
from actors.store import Store
from bus.errors import Conflict, Unavailable
from bus.states import Status


class Handover:
    """See the module. What stands in the way raises a :class:`bus.errors.PblmError`."""

    def __init__(self, places: Places, store: Store, *, address: str) -> None:
        self._places = places
        self._store = store
        self._address = address
        self._lock = threading.Lock()
        self._moving: set[str] = set()

    def __contains__(self, user_id: object) -> bool:
        """Whether a move of the user is under way, and sees to what lies here of it."""
        return user_id in self._moving

    @contextlib.contextmanager
    def alone(self, user_id: str) -> Iterator[None]:
        """Have no other move of the user. Raises :class:`Conflict` where there is one."""
        with self._lock:
            if user_id in self._moving:
                raise Conflict(f"{user_id} is being moved already")
            self._moving.add(user_id)
        try:
            yield
        finally:
            with self._lock:
                self._moving.discard(user_id)

    def begin(self, user_id: str, target: str) -> Place:
        """Tell that the user is handed over; nobody starts it here from now on."""

        def change(place: Place) -> Place:
            if place.state is State.MOVING:
                raise Conflict(f"{user_id} moves to {place.target} already")
            return standing_still(place, target, self._store.get(user_id))

        return self._change(user_id, change)

    def hand_over(self, user_id: str, target: str, digest: str | None, durable: int) -> None:
        """Let go of it: its target may claim it from now on, with the data of an epoch."""
        source = self._places.member().host

        def change(place: Place) -> Place:
            if place.state is not State.MOVING or place.target != target:
                raise Unavailable(f"{user_id} does not move to {target} any more", retry_after=1)
            return handed_over(place, source, digest, durable)

        self._change(user_id, change)

    def stay(self, user_id: str, target: str, hands: Hands, *, resume: bool = False) -> bool:
        """Have the user be ours as it was, who was to go; False: it is not ours any more.

        ``resume``: it was stopped for the move only, and is on record as one that is to run.
        """

        def change(member: Membership, place: Place | None) -> Place | None:
            if place is None or not held(place, member):
                return None
            if place.state is not State.MOVING or place.target != target:
                return place  # a former try has told so
            state, address = self._run_of(user_id)
            return msgspec.structs.replace(
                place, state=state, address=address, target=None, asleep=False
            )

        place = self._places.change(user_id, change)
        if place is None or place.state is State.MOVING:
            return False
        hands.take(order_of(user_id, place, "It stays", resume=resume and place.wanted))
        return True

    def _run_of(self, user_id: str) -> tuple[State, str | None]:
        """Return the state and address of one of ours, who may never have been stopped."""
        record = self._store.get(user_id)
        if record is not None and record.status is Status.RUNNING and record.port is not None:
            return State.RUNNING, f"{self._address}:{record.port}"
        return State.RESTORING, None

    def _change(self, user_id: str, change: Callable[[Place], Place]) -> Place:
        """Change the place of one of ours, whatever else is told of it at the same time."""

        def ours_changed(member: Membership, place: Place | None) -> Place:
            if place is None or not held(place, member):
                raise Unavailable(f"{user_id} is not on this host", retry_after=1)
            return change(place)

        changed = self._places.change(user_id, ours_changed)
        assert changed is not None
        return changed
