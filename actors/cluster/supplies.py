"""Supplies: where the data of a user come from whom this host claims.

What was handed over, and nothing else; what is in the replica of a lost host. Or they come from
nowhere, since that host is back: it has them still, and asks for the user.

::

    lost host's --claim--> restoring here --the data are had--> this host's
         ^                       |
         '------ sent back <-----'   nobody has had newer data, and they are there
"""

from __future__ import annotations

import functools
import logging

import msgspec

from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Membership, SeenPlace
from actors.cluster.directory import Place
from actors.cluster.places import Places
from actors.cluster.placing import UNKNOWN, may_ask_back, sent_back
from actors.cluster.recovery import Recovery, RecoveryFailed
from actors.records import Record
from bus.errors import Unavailable

log = logging.getLogger(__name__)


class Supplies:
    """Used from threads that may wait. What stands in the way raises :class:`PblmError`."""

    def __init__(self, places: Places, atlas: Atlas, recovery: Recovery) -> None:
        self._places = places
        self._atlas = atlas
        self._recovery = recovery

    def has_local(self, user_id: str) -> bool:
        """See :meth:`Recovery.has_local`."""
        return self._recovery.has_local(user_id)

    def received(self, user_id: str, seen: SeenPlace, member: Membership) -> str | None:
        """Return where the data are that were handed over: exactly those, before it is claimed.

        Where they are not to be had, the former owner is to take it back, as long as it is there.
        """
        place = seen.place
        if place.digest is None:
            return None
        try:
            wanted = functools.partial(self._places.is_member, member)
            return str(self._recovery.receive(user_id, place, wanted))
        except RecoveryFailed as failure:
            if place.source is None or self._atlas.is_lost(place.source):
                return None
            log.error("%s: sent back to %s: %s", user_id, place.source, failure)
            back = msgspec.structs.replace(place, target=place.source)
            self._places.swap(user_id, seen, back, member)
            raise Unavailable(f"{user_id} was sent back to {place.source}: {failure}") from failure

    def restored(
        self, user_id: str, claimed: SeenPlace, member: Membership
    ) -> tuple[Place, str | None]:
        """Return the place of a user who was claimed from a lost host, and where the data are.

        The place says what is wrong where nothing could be used. Raises :class:`Unavailable` where
        that is not known yet, and where somebody who has the data was given the user back.
        """
        draft, failure = None, None
        try:
            draft = self._restored(user_id, claimed.place, member)
        except RecoveryFailed as error:
            failure = str(error)
            log.error("%s: it could not be restored: %s", user_id, failure)
        finally:
            self._check_stays(user_id, member)
        if failure is None:
            return claimed.place, draft
        identity = claimed.place.identity or UNKNOWN
        place = msgspec.structs.replace(claimed.place, problem=failure, identity=identity)
        return self._places.put(user_id, claimed, place, member).place, None

    def ask_back(self, user_id: str, seen: SeenPlace, record: Record, member: Membership) -> None:
        """Have the owner, who has no data yet, know that the newest are here."""
        asked = seen.place.source in self._atlas.hosts()
        if not asked and may_ask_back(seen.place, record):
            place = msgspec.structs.replace(seen.place, source=member.host)
            self._places.swap(user_id, seen, place, member)

    def is_asked_back(self, user_id: str, place: Place | None, member: Membership) -> bool:
        """Whether a host that is there has asked for a user whom this one has without data."""
        if place is None or place.host != member.host or place.base is None:
            return False
        asked = place.source != member.host and place.source in self._atlas.hosts()
        return asked and not self.has_local(user_id)

    def send_back(self, user_id: str, seen: SeenPlace, member: Membership) -> None:
        """Hand such a user over: nobody else has run it since, and nobody does but who asked."""
        self._places.put(user_id, seen, sent_back(seen.place), member)
        log.warning("%s: sent back to %s, which has its data", user_id, seen.place.source)

    def _check_stays(self, user_id: str, member: Membership) -> None:
        seen = self._places.read(user_id)
        if seen is not None and self.is_asked_back(user_id, seen.place, member):
            self.send_back(user_id, seen, member)
            raise Unavailable(f"{user_id} was sent back to {seen.place.source}", retry_after=1)

    def _restored(self, user_id: str, place: Place, member: Membership) -> str | None:
        if place.expected is not None:
            raise RecoveryFailed(f"{place.expected} was on the way to a host that was lost")
        if place.identity is None and not place.durable:
            return None  # it has never run

        def wanted() -> bool:
            known = self._atlas.place(user_id)
            asked_back = self.is_asked_back(user_id, known, member)
            return self._places.is_member(member) and not asked_back

        return str(self._recovery.restore(user_id, place, wanted))
