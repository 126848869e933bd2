"""Names: user ids that have no data yet, or none any more."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator

from actors.cluster.coordination import Ending, Membership
from actors.cluster.directory import Place, State
from actors.cluster.places import Places
from actors.cluster.placing import expecting, expects, is_free, ours, purged
from actors.records import Record
from actors.store import Store
from bus.errors import Conflict, Unavailable

log = logging.getLogger(__name__)


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
            check_departed(user_id, self._store)
            if place is not None and not is_free(place, member):
                raise Conflict(f"User {user_id} has an instance already, on host {place.host}")
            return expecting(member, 1 if place is None else place.epoch + 1, what)

        self._places.change(user_id, change)

    def give_back(self, user_id: str, awaited: Callable[[], bool]) -> None:
        """Have a name be nobody's that nothing came to; nothing, when something has.

        Nor while data are ``awaited`` again, which is asked after each look at the place.
        """

        def change(member: Membership, place: Place | None) -> Place | None:
            if place is None or not expects(place, member) or awaited():
                return None
            return purged(place) if self._store.get(user_id) is None else None

        self._places.change(user_id, change)

    def purge(self, record: Record) -> None:
        """Tell that there is nothing of one of ours any more; the epoch stays. Again is harmless.

        Raises :class:`Unavailable` when that is not this host's to say.
        """

        def change(member: Membership, place: Place | None) -> Place:
            told = place is not None and place.state is State.PURGED
            if place is not None and told and place.epoch == record.epoch:
                return place
            if place is None or not ours(place, member, record) or place.state is State.MOVING:
                raise Unavailable(f"{record.user_id} is not this host's any more", retry_after=1)
            return purged(place)

        self._places.change(record.user_id, change)

    def end(self, user_id: str, epoch: int) -> None:
        """Tell that the user of that epoch has another name, unless somebody came after it."""

        def change(member: Membership, place: Place | None) -> Place | None:
            last = place is not None and (place.host, place.epoch) == (member.host, epoch)
            return purged(place) if place is not None and last else None

        self._places.change(user_id, change)


@contextlib.contextmanager
def leaving(
    user_id: str, member: Membership, places: Places, store: Store
) -> Iterator[Ending | None]:
    """Yield the end of the name that the user had before, if the hosts do not know of it.

    They know of it once what is done with it has been done.
    """
    name = _ending(user_id, member, places, store)
    yield name
    if name is not None:
        store.told(name.user_id)


def _ending(user_id: str, member: Membership, places: Places, store: Store) -> Ending | None:
    """Return that end; None where another host goes on with the name.

    This one was lost before it could tell then.
    """
    old = _former_name(user_id, store)
    if old is None:
        return None
    seen = places.read(old)
    if seen is None or seen.place.state is State.PURGED:
        store.told(old)
        return None
    if (seen.place.host, seen.place.epoch) != (member.host, store.departures[old]):
        log.error("%s was renamed from %s, which another host goes on with", user_id, old)
        store.told(old)
        return None
    return Ending(user_id=old, seen=seen, place=purged(seen.place))


def _former_name(user_id: str, store: Store) -> str | None:
    """Return what the user was called before, of whose new name the hosts do not know."""
    if not store.departures:
        return None
    told = store.departures
    found = [left for left in store.leftovers() if left.heir == user_id]
    return next((left.user_id for left in found if told.get(left.user_id) == left.epoch), None)


def check_departed(user_id: str, store: Store) -> None:
    """Raise :class:`Unavailable` until the hosts know that who had the name has another one."""
    if user_id in store.departures:
        raise Unavailable(f"The hosts are being told that {user_id} was renamed", retry_after=1)
