"""Transfers: data on the way from one user to another, and who must keep off meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actors.data import belongings
from actors.data.orders import AdoptData, Disown, TakeUser
from actors.data.ownership import finish_rename
from actors.data.particulars import put_particulars
from actors.facts import Cloned, Reply
from actors.services import Services
from actors.status import StatusKeeper
from bus.answers import ErrorAnswer, InstanceAnswer
from bus.errors import Conflict, PblmError
from bus.requests import CloneInstance
from bus.states import Desired, Status

NOBODY = 0
"""No membership: etcd's revisions begin with 1."""


class Transfers:
    """Belongs to the supervisor, which alone knows that a user id is nobody's."""

    def __init__(self, services: Services, tell: Callable[[Cloned], None]) -> None:
        """``tell`` brings a fact to the supervisor."""
        self._services = services
        self._tell = tell
        self._reserved: dict[str, str] = {}
        """The user ids that are kept free, and who is about to be renamed so, if anybody is."""

    def check_free(self, user_id: str) -> None:
        """Raise :class:`Conflict` while data are on the way to this user."""
        if user_id in self._reserved:
            raise Conflict(f"The data of another user are on the way to {user_id}")

    def reserve(self, user_id: str, *, renamed_from: str = "") -> None:
        """Keep everybody off a user id that is nobody's until :meth:`free`."""
        self.check_free(user_id)
        if self._services.store.get(user_id) is not None:
            raise Conflict(f"User {user_id} has an instance already")
        self._reserved[user_id] = renamed_from

    def free(self, user_id: str) -> None:
        """The data have arrived, or will not come."""
        self._reserved.pop(user_id, None)

    def settle(self, user_id: str) -> str:
        """The user's actor has died, maybe amid a rename: finish it, or take it back.

        Returns whose the instance is now.
        """
        store, layout = self._services.store, self._services.layout
        record = store.get(user_id)
        owner = user_id if record is None else finish_rename(store, layout, record)
        for to in [to for to, old in self._reserved.items() if old == user_id]:
            self.free(to)
        return owner

    def clone(self, request: CloneInstance, reply: Reply) -> None:
        """Begin to copy; ``reply`` is called when that is done."""
        record = self._services.store.get(request.user_id)
        if record is None or record.identity is None or record.deleted_at is not None:
            raise Conflict("The instance has never run, or is deleted: there is nothing to copy")
        self.reserve(request.to)

        def work() -> None:
            identity, error = None, None
            try:
                identity = belongings.clone(self._services.layout, request.user_id, request.to)
            except PblmError as caught:
                error = caught
            self._tell(Cloned(request=request, identity=identity, error=error, reply=reply))

        self._services.health.run(work)

    def adopt(self, order: AdoptData) -> InstanceAnswer:
        """Make data that are complete those of a new user. Raises :class:`PblmError`."""
        self.reserve(order.user_id)
        try:
            belongings.bring_in(Path(order.draft), self._services.layout, order.user_id)
        finally:
            self.free(order.user_id)
        keeper = StatusKeeper(order.user_id, self._services)
        keeper.enter(
            Status.STOPPED,
            f"Its data are {order.what}",
            desired=Desired.STOPPED,
            identity=order.identity,
            version=order.version,
        )
        return InstanceAnswer(instance=keeper.instance)

    def take(self, order: TakeUser) -> InstanceAnswer:
        """Make a claimed user's data that of somebody new here. Raises :class:`PblmError`."""
        self.check_free(order.user_id)
        return take_in(order, self._services)

    def cloned(self, news: Cloned) -> None:
        """Make the copy known as a user's instance."""
        self.free(news.request.to)
        if news.error is not None:
            news.reply(ErrorAnswer.of(news.error))
            return
        source = self._services.store.get(news.request.user_id)
        keeper = StatusKeeper(news.request.to, self._services)
        keeper.enter(
            Status.STOPPED,
            f"It is a clone of {news.request.user_id}",
            desired=Desired.STOPPED,
            identity=news.identity,
            version=None if source is None else source.version,
        )
        news.reply(InstanceAnswer(instance=keeper.instance))


def take_in(order: TakeUser, services: Services) -> InstanceAnswer:
    """See :class:`TakeUser`. Nobody else may know of the user at the time.

    Data that lie here although nobody is on record with them are of a former try that was cut
    short, or of a row that went with the power: they make way for those that were brought.
    """
    if order.particulars is not None:  # before anybody can ask for them
        put_particulars(order.user_id, order.particulars, services.store, services.layout)
    if order.draft is not None:
        now = services.clock.now()
        belongings.set_aside(services.layout, order.user_id, epoch=order.epoch - 1, at=now)
        belongings.bring_in(Path(order.draft), services.layout, order.user_id)
    if order.deleted_at is not None:
        belongings.put_away(services.layout, order.user_id)
    keeper = StatusKeeper(order.user_id, services)
    asleep = order.asleep and order.wanted and order.deleted_at is None
    keeper.enter(  # all at once: the hosts are told what is on record as soon as there is a row
        Status.HIBERNATED if asleep else Status.STOPPED,
        order.reason,
        desired=Desired.RUNNING if order.wanted else Desired.STOPPED,
        epoch=order.epoch,
        incarnation=order.incarnation,
        identity=order.identity,
        version=order.version,
        binary=order.binary,
        created_at=order.created_at or services.clock.now(),
        deleted_at=order.deleted_at,
    )
    return InstanceAnswer(instance=keeper.instance)


def take_over(order: TakeUser | Disown, keeper: StatusKeeper, services: Services) -> None:
    """Write down whose the data of somebody who is known here are. Strict.

    Raises :class:`Conflict` where data were brought for it: nobody knew of those that are here.
    """
    match order:
        case TakeUser(draft=str()):
            why = "whose data were brought, has come to have some here in the meantime"
            raise Conflict(f"{order.user_id}, {why}: these are kept as they are")
        case Disown():
            keeper.note_strictly(incarnation=NOBODY)
        case TakeUser(epoch=epoch, incarnation=incarnation):
            if order.particulars is not None:
                put_particulars(order.user_id, order.particulars, services.store, services.layout)
            if order.resume:
                keeper.want(Desired.RUNNING)
            if epoch > keeper.record.epoch:  # nobody is claimed who was purged
                services.store.spare(keeper.record)
            keeper.note_strictly(epoch=epoch, incarnation=incarnation)
