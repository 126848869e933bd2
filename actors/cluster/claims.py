"""Claims: how a user becomes this host's, stays it, and is told of.

::

    nobody's ------------------.
    ours, before a new join ---+--claim: epoch + 1--> restoring --data, start--> running
    a lost host's -------------+                          ^                       |  ^
    handed over to us ---------'                          '----- stopped <--------'--'

Every step is one swap of the user's place, on what was read just before, under the membership that
this host has. Used from threads that may wait. What stands in the way raises a
:class:`bus.errors.PblmError`.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext

import msgspec

from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Ending, Membership, SeenPlace
from actors.cluster.directory import Place, State
from actors.cluster.hands import Hands
from actors.cluster.jobs import Later, at_once
from actors.cluster.lookout import Lookout, check_known
from actors.cluster.luggage import Luggage
from actors.cluster.names import check_departed, leaving
from actors.cluster.places import Places
from actors.cluster.placing import (
    claimed_by,
    held,
    is_foreign,
    is_free,
    is_late,
    is_newest,
    mirrored,
    order_of,
    ours,
    told_epoch,
)
from actors.cluster.supplies import Supplies
from actors.data.orders import TakeUser
from actors.records import Record
from actors.replication.replicas import Replicas
from actors.store import Store
from bus.causes import Cause
from bus.errors import BackupError, Conflict, ProcessError, Unavailable
from bus.states import Status

log = logging.getLogger(__name__)


class Claims:
    """See the module."""

    def __init__(
        self,
        places: Places,
        atlas: Atlas,
        store: Store,
        replicas: Replicas,
        supplies: Supplies,
        luggage: Luggage,
        *,
        address: str,
    ) -> None:
        self._places = places
        self._atlas = atlas
        self._store = store
        self._replicas = replicas
        self._supplies = supplies
        self._luggage = luggage
        self._lookout = Lookout(replicas, atlas)
        self._address = address

    def acquire(
        self, user_id: str, hands: Hands, *, new: bool = False, later: Later = at_once
    ) -> bool:
        """Have the user here, with data; False: it is not ours to have.

        What lies here of a user who is another host's is set aside. ``new``: also when it is
        nobody's yet. ``later`` is given what is left to be done, where that waits for the replica.
        """
        check_departed(user_id, self._store)
        member, seen = self._places.member(), self._places.read(user_id)
        record = self._store.get(user_id)
        late = seen is not None and record is not None and is_late(seen.place, member, record)
        if seen is None or is_free(seen.place, member) or late:
            if record is not None and record.incarnation is not None:
                check_known(seen, record)
                hands.let_go(user_id, "The hosts know that it was purged")
                record = None
            if record is None and not new:
                return False
            if record is None and seen is not None and seen.place.expected is not None:
                raise Unavailable(f"{seen.place.expected} is to come to {user_id}", retry_after=1)
            self._found(user_id, seen, record, member, hands)
            return True
        if record is not None:
            self._check_told(seen.place, record)
        if not self._may_claim(seen.place, member) and not self._lookout.is_undone(
            user_id, seen.place, self._told(record)
        ):
            if record is not None and seen.place.host != "":
                self._check_had(seen, member, record)
                hands.let_go(user_id, f"It is on host {seen.place.host} now")
            return False
        if self._supplies.is_asked_back(user_id, seen.place, member):
            if record is not None:
                hands.let_go(user_id, f"Its data are on host {seen.place.source}")
            self._supplies.send_back(user_id, seen, member)
            return False
        if record is None or seen.place.problem or not ours(seen.place, member, record):
            self._claim(user_id, seen, record, member, hands, later)
        return True

    def confirm(self, record: Record, port: int, identity: str | None) -> bool:
        """Tell that it runs here; False: its replica has no base yet, or try again.

        Raises :class:`ProcessError` when the user is not ours any more, and :class:`BackupError`
        when the replica does not answer.
        """
        user_id = record.user_id
        self._check_begun(record)
        if not self._replicas.has_base(record):
            return False
        member, seen = self._places.member(), self._places.read(user_id)
        if seen is None or not ours(seen.place, member, record):
            why = f"{user_id} is not this host's any more"
            raise ProcessError(f"Process error: {why}", cause=Cause.NOT_OWNER)
        if seen.place.state in (State.MOVING, State.PURGED):
            raise ProcessError(f"Process error: {user_id} moves away", cause=Cause.NOT_OWNER)
        self._check_begun(record)
        place = msgspec.structs.replace(
            mirrored(seen.place, record),
            state=State.RUNNING,
            address=f"{self._address}:{port}",
            durable=record.epoch,
            identity=identity or record.identity,
            wanted=True,
            base=None,
            problem=None,
            expected=None,
        )
        return (
            place == seen.place
            or self._places.swap(record.user_id, seen, place, member) is not None
        )

    def is_asked_back(self, user_id: str, place: Place, member: Membership) -> bool:
        """See :meth:`Supplies.is_asked_back`: who is acquired then is sent back."""
        return self._supplies.is_asked_back(user_id, place, member)

    def _check_begun(self, begun: Record) -> None:
        """Raise :class:`ProcessError` when the run that was ``begun`` is not the one now."""
        now = self._store.get(begun.user_id)
        run = None if now is None else (now.run, now.epoch, now.incarnation)
        starting = now is not None and now.status is Status.STARTING
        if not starting or run != (begun.run, begun.epoch, begun.incarnation):
            why = f"{begun.user_id} does not start any more"
            raise ProcessError(f"Process error: {why}", cause=Cause.NOT_OWNER)

    def mirror(self, user_id: str) -> bool:
        """Tell what has become of one of ours; False: nothing is to be told of anybody else."""

        def change(member: Membership, place: Place | None) -> Place | None:
            record = self._store.get(user_id)
            if record is None or place is None or not ours(place, member, record):
                return None
            # A purge is told before the record goes, and the user must not come back by that.
            return mirrored(place, record) if held(place, member) else None

        return self._places.change(user_id, change) is not None

    def _check_told(self, place: Place, record: Record) -> None:
        """Raise :class:`Conflict` for data that nobody else has ever had, and another's place."""
        if is_foreign(place, record):
            why = (
                f"The data of {record.user_id} on this host were never told to the others, and the"
                f" hosts know another {record.user_id}, on {place.host}. They are kept as they are"
            )
            raise Conflict(why)

    def _check_had(self, seen: SeenPlace, member: Membership, record: Record) -> None:
        """Raise :class:`Conflict` when its owner has no data yet, and the newest are here.

        The owner is asked for the user then.
        """
        place = seen.place
        if self._is_newest(place, member, record):
            self._supplies.ask_back(record.user_id, seen, record, member)
            why = (
                f"{record.user_id} has not been restored on {place.host}: its newest data are on"
                f" {member.host}, and are kept as they are"
            )
            raise Conflict(why)

    def _is_newest(self, place: Place, member: Membership, record: Record) -> bool:
        return is_newest(place, member, record, whole=self._supplies.has_local(record.user_id))

    def _told(self, record: Record | None) -> int:
        whole = record is not None and self._supplies.has_local(record.user_id)
        return told_epoch(record, whole=whole)

    def _found(
        self,
        user_id: str,
        seen: SeenPlace | None,
        record: Record | None,
        member: Membership,
        hands: Hands,
    ) -> None:
        epoch = max(
            1 if record is None else record.epoch, 0 if seen is None else seen.place.epoch + 1
        )
        epoch = self._lookout.first_free(user_id, epoch, record)
        place = Place(
            host=member.host,
            incarnation=member.incarnation,
            epoch=epoch,
            state=State.RESTORING,
            born=epoch,
        )
        if record is not None:
            durable = epoch if epoch == record.epoch and self._has_base(record) else 0
            place = msgspec.structs.replace(mirrored(place, record), durable=durable)
        with nullcontext() if record is None else self._leaving(user_id, member) as name:
            self._places.put(user_id, seen, place, member, also=name)
        reason = f"It was placed on this host, {member.host}"
        self._hand(hands, member, order_of(user_id, place, reason))
        if record is not None:
            self._luggage.pack_if_any(user_id)

    def _claim(
        self,
        user_id: str,
        seen: SeenPlace,
        record: Record | None,
        member: Membership,
        hands: Hands,
        later: Later,
    ) -> None:
        if record is not None:
            newest = self._is_newest(seen.place, member, record)
            former = self._caught_up(user_id, seen, record, sure=not newest)
            if self._is_newest(former, member, record):
                self._claim_own(seen, former, record, member, hands)
                return
        later(lambda: self._claim_others(user_id, seen, record, member, hands))

    def _caught_up(
        self, user_id: str, seen: SeenPlace, record: Record | None, *, sure: bool
    ) -> Place:
        return self._lookout.caught_up(user_id, seen.place, self._told(record), sure=sure)

    def _claim_own(
        self,
        seen: SeenPlace,
        former: Place,
        record: Record,
        member: Membership,
        hands: Hands,
    ) -> None:
        """Claim somebody whose newest data lie here."""
        user_id, resume = record.user_id, former.state is State.MOVING and former.wanted
        place = claimed_by(former, member)
        if not resume:
            # What could not be told before is told now; but that it is had here, when it is.
            place = msgspec.structs.replace(mirrored(place, record), base=place.base)
        # A former try may have placed it, and ended the name that it had, without an answer.
        with self._leaving(user_id, member) as name:
            self._put_claim(user_id, seen, former, place, member, also=name)
        particulars = None
        if record.epoch != former.epoch:  # another host has had it since, without its data
            particulars = self._luggage.unpack(user_id, place, since=record.epoch + 1)
        reason = "It is this host's again"
        order = order_of(user_id, place, reason, particulars=particulars, resume=resume)
        self._hand(hands, member, order)
        self._luggage.pack_if_any(user_id)

    def _claim_others(
        self,
        user_id: str,
        seen: SeenPlace,
        record: Record | None,
        member: Membership,
        hands: Hands,
    ) -> None:
        """Claim somebody whose data come from elsewhere. What lies here is set aside."""
        former = self._caught_up(user_id, seen, record, sure=True)
        handed = former.digest is not None
        draft = self._supplies.received(user_id, seen, member) if handed else None
        claimed = self._put_claim(user_id, seen, former, claimed_by(former, member), member)
        if record is not None:
            hands.let_go(user_id, "Another host has run it since")
        place, reason = claimed.place, f"It has moved to this host, {member.host}"
        if draft is None:
            place, draft = self._supplies.restored(user_id, claimed, member)
            reason = f"It was restored on this host, {member.host}"
            if place.problem is not None:
                reason = f"It could not be restored: {place.problem}"
        particulars = self._luggage.unpack(user_id, place)
        order = order_of(user_id, place, reason, draft, particulars=particulars)
        self._hand(hands, member, order)

    def _leaving(self, user_id: str, member: Membership) -> AbstractContextManager[Ending | None]:
        return leaving(user_id, member, self._places, self._store)

    def _put_claim(
        self,
        user_id: str,
        seen: SeenPlace,
        former: Place,
        place: Place,
        member: Membership,
        *,
        also: Ending | None = None,
    ) -> SeenPlace:
        gone = former.host if former.host not in ("", member.host) else None
        claimed = self._places.put(user_id, seen, place, member, gone=gone, also=also)
        log.info("%s: claimed, epoch %d, after %s", user_id, place.epoch, former.host or "a move")
        return claimed

    def _hand(self, hands: Hands, member: Membership, order: TakeUser) -> None:
        """Have it taken, unless the membership has ended under which it was claimed.

        It may have taken long to restore: whoever is claimed anew meanwhile is not disturbed.
        """
        if not self._places.is_member(member):
            raise Unavailable(f"This host was lost while it took {order.user_id}", retry_after=1)
        hands.take(order)

    def _may_claim(self, place: Place, member: Membership) -> bool:
        if place.host == "":
            return place.target in (None, member.host) or self._atlas.is_lost(place.target)
        return place.host == member.host or self._atlas.is_lost(place.host)

    def _has_base(self, record: Record) -> bool:
        try:
            return self._replicas.has_base(record)
        except BackupError as error:
            log.warning("%s: its replica cannot be looked at: %s", record.user_id, error)
            return False
