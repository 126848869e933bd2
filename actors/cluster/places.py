"""Places: what the hosts have agreed on of each user, read and changed as this host may.

Every change is one swap, on what was read just before, under the membership that this host has.
"""

from __future__ import annotations

from collections.abc import Callable

from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Coordination, Ending, Membership, SeenPlace
from actors.cluster.directory import Place, State
from bus.errors import Unavailable

TRIES = 5
"""So often a place is read and changed when it was changed in between."""

Change = Callable[[Membership, Place | None], Place | None]


class Places:
    """Used from threads that may wait. Everything raises :class:`gateway.Unreachable`."""

    def __init__(
        self, coordination: Coordination, atlas: Atlas, member: Callable[[], Membership]
    ) -> None:
        """``member`` is this host's membership; it raises :class:`Unavailable` when it has none."""
        self._coordination = coordination
        self._atlas = atlas
        self.member = member

    def is_member(self, member: Membership) -> bool:
        """Whether that is still this host's membership."""
        try:
            return self.member() == member
        except Unavailable:
            return False

    def read(self, user_id: str) -> SeenPlace | None:
        """Return the user's place, as it is.

        Raises :class:`Unavailable` for one that only a newer release understands.
        """
        seen = self._coordination.read(user_id)
        if seen is not None and seen.place.state is State.UNKNOWN:
            why = f"Only a newer release than this host's understands where {user_id} is"
            raise Unavailable(why, retry_after=60)
        return seen

    def swap(
        self,
        user_id: str,
        seen: SeenPlace | None,
        place: Place,
        member: Membership,
        *,
        gone: str | None = None,
        also: Ending | None = None,
    ) -> SeenPlace | None:
        """See :meth:`Coordination.swap`; what has come true is known here at once."""
        found = self._coordination.swap(user_id, seen, place, member, gone=gone, also=also)
        if found is not None:
            self._atlas.learn(user_id, found)
            if also is not None:
                self._atlas.learn(also.user_id, SeenPlace(also.place, found.revision))
        return found

    def put(
        self,
        user_id: str,
        seen: SeenPlace | None,
        place: Place,
        member: Membership,
        *,
        gone: str | None = None,
        also: Ending | None = None,
    ) -> SeenPlace:
        """Likewise; raises :class:`Unavailable` when it has not come true."""
        found = self.swap(user_id, seen, place, member, gone=gone, also=also)
        if found is None:
            why = f"The place of {user_id} has changed meanwhile, or this host is not a member"
            raise Unavailable(why, retry_after=1)
        return found

    def change(self, user_id: str, change: Change) -> Place | None:
        """Change the place into what ``change`` returns, whatever else is told of it meanwhile.

        Returns that; None: it is left as it is. Raises :class:`Unavailable` after :data:`TRIES`.
        """
        for _ in range(TRIES):
            member, seen = self.member(), self.read(user_id)
            former = None if seen is None else seen.place
            place = change(member, former)
            if place is None or place == former:
                return place
            if self.swap(user_id, seen, place, member) is not None:
                return place
        raise Unavailable(f"The place of {user_id} changes all the time", retry_after=1)
