"""Admission: what comes before a request about a user, on a host that is one of several.

The user is had here first, if need be. A name that data are to come to is made this host's before
anybody works for it: else another host could begin that user with nothing in the meantime.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from actors.cluster.atlas import Atlas
from actors.cluster.coordination import Membership
from actors.cluster.directory import Place, State
from actors.cluster.steward import Steward
from actors.facts import Reply
from actors.store import Store
from bus.answers import ErrorAnswer
from bus.errors import PblmError, Unavailable
from bus.events import (
    Event,
    InstanceDeleted,
    InstanceRenamed,
    InstanceUndeleted,
    StatusChanged,
)
from bus.requests import (
    CloneInstance,
    ImportInstance,
    InitInstance,
    RenameInstance,
    RestoreBackup,
    UserRequest,
    VerifyReplica,
)
from bus.states import Status

TOLD = frozenset({Status.STOPPED, Status.HIBERNATED, Status.FAILED})
"""Statuses of which the others are told when they are entered; of Running they know before."""


class Admission:
    """From any thread; never waits."""

    def __init__(
        self, store: Store, atlas: Atlas, steward: Steward, member: Callable[[], Membership]
    ) -> None:
        """``member`` is this host's membership; it raises :class:`Unavailable` when it has none."""
        self._store = store
        self._atlas = atlas
        self._steward = steward
        self._member = member

    def admit(self, request: UserRequest, reply: Reply, go_on: Callable[[Reply], None]) -> bool:
        """Do first what has to be done, and ``go_on`` then; False: there is nothing to be done.

        ``go_on`` is given what takes the answer. Raises :class:`PblmError` for what cannot be.
        """
        member = self._member()
        if self._steward.ready != member:
            raise Unavailable("This host has just joined its cluster", retry_after=1)
        comes, needed = _coming(request), self._is_needed(request, member)
        if comes is not None and self._store.get(comes[0]) is not None:
            self._check_ours(comes[0], member)
            comes = None
        if comes is None and not needed:
            return False

        def then(error: PblmError | None = None) -> None:
            if error is not None:
                reply(ErrorAnswer.of(error))
            elif comes is not None:
                self._steward.arrivals.expect(*comes, reply, go_on)
            else:
                go_on(reply)

        if needed:
            new = isinstance(request, InitInstance)
            self._steward.acquire(request.user_id, new=new, then=then)
        else:
            then()
        return True

    def hear(self, event: Event) -> None:
        """Tell the other hosts what they must know of ours."""
        match event:
            case StatusChanged(user_id=user_id, status=status) if status in TOLD:
                self._steward.mirror(user_id)
            case InstanceUndeleted(user_id=user_id):
                self._steward.mirror(user_id)
            case InstanceDeleted(user_id=user_id, purge_at=datetime()):
                self._steward.mirror(user_id)  # of a purge they know before
            case InstanceRenamed(user_id=user_id, to=to):
                if to not in self._steward.arrivals:  # else both names are told at its end, as one
                    self._steward.mirror(to)
                    self._steward.end(user_id)

    def _is_needed(self, request: UserRequest, member: Membership) -> bool:
        """Whether the user has to be had here first. Raises :class:`Unavailable`: it moves."""
        record = self._store.get(request.user_id)
        place = self._atlas.place(request.user_id)
        if place is not None and self._is_leaving(place):
            raise Unavailable(f"{request.user_id} moves to {place.target}", retry_after=1)
        new = isinstance(request, InitInstance)
        gone = place is not None and place.state is State.PURGED
        broken = new and place is not None and (place.problem is not None or gone)
        here = record is not None and record.incarnation == member.incarnation and not broken
        brought = isinstance(request, ImportInstance) and record is None
        unknown = place is None or gone
        return not (
            here
            or brought
            or isinstance(request, VerifyReplica)
            or (record is None and not new and unknown)
        )

    def _is_leaving(self, place: Place) -> bool:
        """Whether the user is being handed over to another host, which is there."""
        host, target = self._atlas.host, place.target
        if place.state is not State.MOVING or target is None:
            return False
        return place.host == host or (target != host and target in self._atlas.hosts())

    def _check_ours(self, user_id: str, member: Membership) -> None:
        """Raise :class:`Unavailable` while what lies here of a known user is not known to be ours.

        Where it is, the one whose request it is finds out whether it may be replaced.
        """
        record = self._store.get(user_id)
        if record is not None and record.incarnation != member.incarnation:
            raise Unavailable(f"{user_id} is being brought to this host", retry_after=1)


def _coming(request: UserRequest) -> tuple[str, str] | None:
    """Return whom the request brings data to, and which data, in words."""
    match request:
        case RenameInstance(user_id=user_id, to=to):
            return to, f"{user_id} under its new name"
        case CloneInstance(user_id=user_id, to=to):
            return to, f"a clone of {user_id}"
        case RestoreBackup(user_id=user_id, to=str(to), backup=backup) if to != user_id:
            return to, f"backup {backup} of {user_id}"
        case ImportInstance(user_id=user_id):
            return user_id, "an import"
    return None
