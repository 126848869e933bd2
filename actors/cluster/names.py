"""Names: user ids that have no data yet, or none any more."""

from __future__ import annotations

from actors.cluster.coordination import Membership
from actors.cluster.directory import Place
from actors.cluster.places import Places
from actors.cluster.placing import expecting, held, is_free, purged
from actors.store import Store
from bus.errors import Conflict


class Names:
    """Used from threads that may wait."""

    def __init__(self, places: Places, store: Store) -> None:
        self._places = places
        self._store = store

    def expect(self, user_id: str, what: str) -> None:
        """Have a name that is nobody's be this host's, for data that are made for it.

        Raises :class:`Conflict` when it is somebody's.
        """

        def change(member: Membership, place: Place | None) -> Place:
            if place is not None and not is_free(place, member):
                raise Conflict(f"User {user_id} has an instance already, on host {place.host}")
            return expecting(member, 1 if place is None else place.epoch + 1, what)

        self._places.change(user_id, change)

    def give_back(self, user_id: str) -> None:
        """Have a name be nobody's that nothing came to; nothing, when something has."""

        def change(member: Membership, place: Place | None) -> Place | None:
            expected = place is not None and place.expected is not None
            if place is None or not (expected and is_free(place, member)):
                return None
            return purged(place) if self._store.get(user_id) is None else None

        self._places.change(user_id, change)

    def purge(self, user_id: str) -> None:
        """Tell that there is nothing of the user any more; the epoch stays."""

        def change(member: Membership, place: Place | None) -> Place | None:
            return purged(place) if place is not None and held(place, member) else None

        self._places.change(user_id, change)
