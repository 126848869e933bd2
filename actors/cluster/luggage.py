"""Luggage: has a user's particulars go with the user, through what the hosts agree by.

They lie beside the user's place (:class:`Kept`), and are written under the place that was read and
the membership that this host has. So what is acknowledged is found by whoever claims the user next,
and what a host writes that was outlived is refused. Here they are in the registry, where they are
read: an owner's are never older than what lies beside the place.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from actors.cluster.coordination import Coordination, Membership, SeenKept
from actors.cluster.directory import Kept, Place
from actors.cluster.gateway import Unreachable
from actors.cluster.places import TRIES, Places
from actors.cluster.placing import held, ours
from actors.data.particulars import NONE, Particulars, particulars_of
from actors.layout import Layout
from actors.store import Store
from bus.errors import PblmError, Unavailable

log = logging.getLogger(__name__)


class Luggage:
    """Used from threads that may wait."""

    def __init__(
        self,
        coordination: Coordination,
        places: Places,
        store: Store,
        layout: Layout,
        owe: Callable[[str, Callable[[], None]], None],
    ) -> None:
        """``owe`` has something done until it does not raise (:meth:`Duties.owe`)."""
        self._coordination = coordination
        self._places = places
        self._store = store
        self._layout = layout
        self._owe = owe

    def pack(self, user_id: str) -> None:
        """Have what this host keeps of one of its users lie beside the place.

        Raises :class:`Unavailable` when the user is not its own, or too much happens.
        """
        for _ in range(TRIES):
            member, seen = self._places.member(), self._places.read(user_id)
            if seen is None or not self._is_kept(user_id, seen.place, member):
                raise Unavailable(f"{user_id} is not on this host any more", retry_after=1)
            former = self._coordination.kept(user_id)
            here = self._here(user_id)  # read after that: who writes it later finds us out
            if here == (_of(former, seen.place.born) or NONE):
                return
            kept = Kept.of(here, epoch=seen.place.epoch)
            if self._coordination.keep(user_id, kept, former, seen, member):
                return
        raise Unavailable(f"The place of {user_id} changes all the time", retry_after=1)

    def pack_if_any(self, user_id: str) -> None:
        """Likewise, of somebody who came with a registry: nobody waits for it.

        What cannot be told now is owed, as long as the user is this host's.
        """
        if self._here(user_id) == NONE:
            return
        try:
            self.pack(user_id)
        except (PblmError, Unreachable) as error:
            log.warning("%s: its particulars are not told yet: %s", user_id, error)
            self._owe(f"{user_id}: what goes with it", lambda: self._pack_if_ours(user_id))

    def _pack_if_ours(self, user_id: str) -> None:
        member, seen = self._places.member(), self._places.read(user_id)
        if seen is not None and self._is_kept(user_id, seen.place, member):
            self.pack(user_id)

    def _is_kept(self, user_id: str, place: Place, member: Membership) -> bool:
        """Whether the user is this host's, and is not purged: nothing goes with it then."""
        record = self._store.get(user_id)
        return record is not None and held(place, member) and ours(place, member, record)

    def unpack(self, user_id: str, place: Place, *, since: int = 0) -> Particulars | None:
        """Return what goes with a user who was claimed just now; None: nothing was packed.

        Only what was packed by the owner of the epoch ``since`` or a later one, if that is given.
        """
        return _of(self._coordination.kept(user_id), max(place.born, since))

    def _here(self, user_id: str) -> Particulars:
        return particulars_of(user_id, self._store, self._layout)


def _of(seen: SeenKept | None, since: int) -> Particulars | None:
    """Return what was packed; what is older than the user was somebody else's of that name."""
    return None if seen is None or seen.kept.epoch < since else seen.kept.particulars
