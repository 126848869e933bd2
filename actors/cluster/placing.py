"""Placing: what becomes of a user's place. Pure."""

from __future__ import annotations

import msgspec

from actors.cluster.coordination import Membership
from actors.cluster.directory import Place, State
from actors.data.orders import TakeUser
from actors.data.particulars import Particulars
from actors.records import Record
from bus.states import Desired, Status

UNKNOWN = "unknown"
"""The identity of a database that there must be, though nobody has seen it: none is begun empty."""


def ours(place: Place, member: Membership, record: Record) -> bool:
    """Whether the user is this host's, and what lies here is of its epoch."""
    taken = (record.epoch, record.incarnation) == (place.epoch, member.incarnation)
    return _claimed(place, member) and taken


def mirrored(place: Place, record: Record) -> Place:
    """Return the place with what is on record of the user, whom this host has taken."""
    wanted = record.desired is Desired.RUNNING and record.deleted_at is None
    asleep = wanted and record.status is Status.HIBERNATED
    rests = not wanted or asleep
    state = place.state
    if state is not State.MOVING:
        starts = State.RESTORING if state is State.STOPPED else state
        state = State.STOPPED if rests else starts
    return msgspec.structs.replace(
        place,
        state=state,
        base=None if place.problem is None else place.base,
        source=None if place.problem is None else place.source,
        address=place.address if state is State.RUNNING else None,
        wanted=wanted if state is not State.MOVING else place.wanted,
        asleep=asleep if state is not State.MOVING else place.asleep,
        identity=record.identity or place.identity,
        version=record.version,
        binary=record.binary,
        created_at=record.created_at,
        deleted_at=record.deleted_at,
    )


def claimed_by(former: Place, member: Membership) -> Place:
    """Return the place of somebody whom this host claims."""
    rests = former.asleep or former.state is State.STOPPED
    runs = former.wanted and former.deleted_at is None and not rests
    return msgspec.structs.replace(
        former,
        host=member.host,
        incarnation=member.incarnation,
        epoch=former.epoch + 1,
        base=former.epoch if former.base is None else former.base,
        state=State.RESTORING if runs else State.STOPPED,
        address=None,
        target=None,
        source=None,
        digest=None,
        problem=None,
    )


def caught_up(former: Place, epoch: int, *, durable: int) -> Place:
    """Return the place of somebody of whom etcd does not know the last epoch: it is nobody's."""
    return msgspec.structs.replace(
        former,
        host="",
        epoch=epoch,
        durable=durable,
        base=None,
        state=State.RESTORING if former.state is State.MOVING else former.state,
        target=None,
        source=None,
        digest=None,
        problem=None,
        expected=None,
    )


def standing_still(place: Place, target: str, record: Record | None) -> Place:
    """Return the place of somebody who is about to move; it stands still from now on."""
    asleep = record is not None and mirrored(place, record).asleep
    return msgspec.structs.replace(
        place, state=State.MOVING, target=target, address=None, asleep=asleep
    )


def handed_over(place: Place, source: str, digest: str | None, durable: int) -> Place:
    """Return the place of somebody who moves and stands still: the target may claim it."""
    return msgspec.structs.replace(place, host="", source=source, digest=digest, durable=durable)


def expecting(member: Membership, epoch: int, what: str) -> Place:
    """Return the place of a name that this host has data for, but not yet."""
    return Place(
        host=member.host,
        incarnation=member.incarnation,
        epoch=epoch,
        state=State.STOPPED,
        born=epoch,
        wanted=False,
        identity=UNKNOWN,  # a host of an older release, too, restores it or says that it cannot
        expected=what,
    )


def purged(place: Place) -> Place:
    """Return what is left of a place when there is nothing of the user any more."""
    return Place(
        host=place.host,
        incarnation=place.incarnation,
        epoch=place.epoch,
        state=State.PURGED,
        wanted=False,
    )


def is_free(place: Place, member: Membership) -> bool:
    """Whether nobody has the name, but for this host, which expects data for it."""
    return place.state is State.PURGED or expects(place, member)


def expects(place: Place, member: Membership) -> bool:
    """Whether this host has the name for data that are to come."""
    waits = place.expected is not None and place.problem is None
    return waits and place.host == member.host


def is_late(place: Place, member: Membership, record: Record) -> bool:
    """Whether what lies here is what was expected, by a host that was lost before it told so.

    What another host still makes for that name is something else.
    """
    lost = place.host == member.host or place.problem is not None
    return record.incarnation is None and place.expected is not None and lost


def is_foreign(place: Place, record: Record) -> bool:
    """Whether what lies here was never told to the hosts, and is not the user that they know."""
    told = record.incarnation is not None
    known = place.expected is None and record.identity in (None, place.identity)
    return not told and not known


def is_newest(place: Place, member: Membership, record: Record, *, whole: bool) -> bool:
    """Whether nobody has had newer data than those that lie here.

    So it is, too, where a claim came true that nobody could note. ``whole``: there is a database;
    there is none where a restore failed, until somebody puts a backup in its place.
    """
    if record.incarnation is None:  # it was told by this host, and noted by nobody
        unseen = place.host == member.host or place.base == place.born  # by those who came after
        return unseen and record.identity == place.identity
    if record.epoch == place.epoch:
        if place.host not in ("", member.host):  # it was claimed twice: etcd was put back
            return False
        return place.problem is None or whole
    return whole and place.base is not None and place.base <= record.epoch < place.epoch


def told_epoch(record: Record | None, *, whole: bool) -> int:
    """Return the epoch of the data that lie here, and were told to the hosts; 0: there are none.

    ``whole``: there is a database.
    """
    if record is None or record.incarnation is None:
        return 0
    return record.epoch if whole or record.identity is None else 0


def may_ask_back(place: Place, record: Record) -> bool:
    """Whether who has the newest data, as :func:`is_newest` says, is to have the user now.

    Not one whom somebody has deleted since, or stopped: nothing on record here says so.
    """
    kept = place.deleted_at is None or record.deleted_at is not None
    return kept and (place.wanted or record.desired is Desired.STOPPED)


def sent_back(place: Place) -> Place:
    """Return the place of somebody whom the host is to have that has asked for it."""
    return msgspec.structs.replace(place, host="", target=place.source, problem=None)


def held(place: Place, member: Membership) -> bool:
    """Whether there is a user who is this host's, by a claim under this membership."""
    return _claimed(place, member) and place.state is not State.PURGED


def _claimed(place: Place, member: Membership) -> bool:
    return (place.host, place.incarnation) == (member.host, member.incarnation)


def order_of(
    user_id: str,
    place: Place,
    reason: str,
    draft: str | None = None,
    *,
    particulars: Particulars | None = None,
    resume: bool = False,
) -> TakeUser:
    """Return what has the user's actor know of the place."""
    return TakeUser(
        user_id=user_id,
        epoch=place.epoch,
        incarnation=place.incarnation,
        reason=reason,
        draft=draft,
        identity=place.identity,
        version=place.version,
        binary=place.binary,
        created_at=place.created_at,
        wanted=place.wanted,
        asleep=place.asleep,
        resume=resume,
        deleted_at=place.deleted_at,
        particulars=particulars,
    )
