"""Ownership: deleting, undeleting and renaming one user's instance, while it stands still."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta

import msgspec

from actors.data import belongings
from actors.data.orders import LetUserGo
from actors.data.standstill import stand_still
from actors.data.swap import telling
from actors.facts import PurgeAgreed, Renamed, Reply
from actors.layout import Layout
from actors.lifecycle import Lifecycle
from actors.records import Leftover, Record
from actors.services import Services
from actors.status import StatusKeeper
from actors.store import Store
from bus.answers import Answer, ErrorAnswer, InstanceAnswer
from bus.errors import Conflict, PblmError
from bus.events import InstanceDeleted, InstanceRenamed, InstanceUndeleted
from bus.requests import DeleteInstance, RenameInstance, UndeleteInstance
from bus.states import Desired, Status

OwnershipRequest = DeleteInstance | UndeleteInstance | RenameInstance | LetUserGo

log = logging.getLogger(__name__)

REASONS = {
    DeleteInstance: "The user was deleted",
    UndeleteInstance: "The user was undeleted",
    RenameInstance: "The user was renamed",
    LetUserGo: "The user is another host's",
}
"""Why an instance was stopped."""


class Ownership:
    """Belongs to the user's actor. One operation at a time; the process is stopped before it."""

    def __init__(
        self,
        user_id: str,
        services: Services,
        life: Lifecycle,
        renamed: Callable[[Renamed], None],
        tell: Callable[[PurgeAgreed], None],
    ) -> None:
        """``renamed`` tells the supervisor; ``tell`` brings a fact to the actor."""
        self._user_id = user_id
        self._services = services
        self._life = life
        self._keeper = life.keeper
        self._renamed = renamed
        self._tell = tell
        self._asks = False
        """Whether the other hosts are being told that the user is purged."""
        self._resume = False
        self._pending: tuple[OwnershipRequest, Reply] | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._pending is None

    def check_free(self) -> None:
        """Raise :class:`Conflict` while an operation is under way, or after a deletion."""
        if self._pending is not None:
            raise Conflict(f"{type(self._pending[0]).__name__} is under way")
        if self._keeper.known and self._keeper.record.deleted_at is not None:
            raise Conflict("The instance is deleted: undelete it, or purge it to begin anew")

    def serve(self, request: OwnershipRequest, reply: Reply) -> None:
        """Begin the operation; it is done when the process is gone."""
        try:
            self._begin(request, reply)
        except PblmError:
            if isinstance(request, RenameInstance):
                self._renamed(Renamed(user_id=self._user_id, to=request.to))
            raise

    def _begin(self, request: OwnershipRequest, reply: Reply) -> None:
        if self._pending is not None:
            raise Conflict(f"{type(self._pending[0]).__name__} is under way")
        deleted = self._keeper.record.deleted_at is not None
        match request:
            case UndeleteInstance() if not deleted:
                raise Conflict("The instance is not deleted")
            case RenameInstance() if deleted:
                raise Conflict("The instance is deleted: undelete it first")
        runs = self._keeper.record.desired is Desired.RUNNING
        self._resume = runs and isinstance(request, RenameInstance)
        self._keeper.want(Desired.STOPPED)
        self._pending = request, reply
        stand_still(self._life, REASONS[type(request)], self.settled)

    def settled(self) -> None:
        """The process is gone: do what was asked for.

        Where there are several hosts, they know of a purge before anything is removed. What is left
        in the replica is on record before that: whatever becomes of this manager, the next one lets
        go of who was purged.
        """
        if self._pending is None or self._asks or self._keeper.status is not Status.STOPPED:
            return
        request, tenancy = self._pending[0], self._services.tenancy
        if tenancy is None or not isinstance(request, DeleteInstance) or not request.purge:
            self._finish(None)
            return
        try:
            self._note_leftover(keep_backups=request.keep_backups)
        except PblmError as error:
            self._finish(error)
            return
        self._asks = True
        tenancy.purge(self._keeper.record, lambda error: self._tell(PurgeAgreed(error=error)))

    def agreed(self, error: PblmError | None) -> None:
        """The other hosts know, or could not be told."""
        if self._asks:
            self._finish(error)

    def abandon(self, error: PblmError) -> None:
        """The actor ends: whoever waits for the other hosts is told so."""
        if self._asks:
            self._finish(error)

    def give_up(self) -> None:
        """The actor ends: have the one who asked wait among those who are told so."""
        if self._pending is not None:
            self._life.waiters.keep(self._pending[1])

    def purge_if_ours(self) -> None:
        """Remove everything of the user, unless this host was lost: its successor does it then."""
        tenancy = self._services.tenancy
        if self._pending is not None:
            return
        try:
            with nullcontext() if tenancy is None else tenancy.passing(self._keeper.record):
                pass
        except PblmError as error:
            log.info("%s: not purged yet: %s", self._user_id, error.message)
        else:
            request = DeleteInstance(user_id=self._user_id, purge=True)
            self.serve(request, self._log_refusal)

    def _log_refusal(self, answer: Answer) -> None:
        if isinstance(answer, ErrorAnswer):
            log.warning("%s: not purged yet: %s", self._user_id, answer.message)

    def _finish(self, error: PblmError | None) -> None:
        assert self._pending is not None
        (request, reply), self._pending, self._asks = self._pending, None, False
        if error is not None:
            self._life.waiters.refuse([reply], error)
        else:
            self._life.waiters.carry_out(reply, lambda: self._do(request))

    def _purge(self, *, keep_backups: bool = False) -> None:
        """Remove everything of the user. What is left in the replica is on record before that."""
        uid, epoch = self._keeper.record.uid, self._keeper.record.epoch
        self._note_leftover(keep_backups=keep_backups)
        belongings.destroy(self._services.layout, self._user_id, keep_backups=keep_backups)
        self._keeper.forget()
        if uid is not None:
            self._services.isolation.release_uid(uid)
        self._publish_deletion(None, backups_kept=keep_backups, data_epoch=epoch)

    def _note_leftover(self, *, keep_backups: bool) -> None:
        """Note what is left in the replica as of now, unless it is kept: so it is with backups.

        What was noted for a purge that has come to nothing does not count any more.
        """
        services, record = self._services, self._keeper.record
        kept = keep_backups and services.layout.backups(self._user_id).exists()
        left = None
        if services.replicas is not None and not kept:
            left = Leftover(user_id=self._user_id, epoch=record.epoch, at=services.clock.now())
            services.store.leave(left)
        services.store.spare(record, but=left)

    def _do(self, request: OwnershipRequest) -> InstanceAnswer:
        match request:
            case DeleteInstance(purge=True, keep_backups=keep_backups):
                self._purge(keep_backups=keep_backups)
            case DeleteInstance():
                self._delete()
            case UndeleteInstance():
                self._undelete()
            case LetUserGo():
                let_go(self._services, self._keeper)
            case RenameInstance(to=to):
                return self._rename(to)
        return InstanceAnswer(instance=self._keeper.instance)

    def _delete(self) -> None:
        deleted_at = self._keeper.record.deleted_at
        if deleted_at is None:
            deleted_at = self._services.clock.now()
            self._keeper.note_strictly(deleted_at=deleted_at)
        belongings.put_away(self._services.layout, self._user_id)
        grace = timedelta(seconds=self._services.settings.delete_grace)
        self._publish_deletion(deleted_at + grace)

    def _undelete(self) -> None:
        self._services.store.spare(self._keeper.record)
        belongings.bring_back(self._services.layout, self._user_id)
        self._keeper.note_strictly(deleted_at=None)
        now, instance = self._services.clock.now(), self._keeper.instance
        assert instance is not None
        self._services.publish(InstanceUndeleted(at=now, user_id=self._user_id, instance=instance))

    def _publish_deletion(
        self,
        purge_at: datetime | None,
        *,
        backups_kept: bool = False,
        data_epoch: int | None = None,
    ) -> None:
        self._services.publish(
            InstanceDeleted(
                at=self._services.clock.now(),
                user_id=self._user_id,
                purge_at=purge_at,
                instance=self._keeper.instance,
                backups_kept=backups_kept,
                data_epoch=data_epoch,
            )
        )

    def _rename(self, to: str) -> InstanceAnswer:
        store, layout = self._services.store, self._services.layout
        try:
            store.spare(self._keeper.record)
            self._keeper.note_strictly(renaming_to=to)  # what is half done is finished at launch
            belongings.rename(layout, self._user_id, to)
            desired = Desired.RUNNING if self._resume else Desired.STOPPED
            record = msgspec.structs.replace(self._keeper.record, desired=desired)
            renamed = store.rename(record, to)
        finally:
            self._renamed(Renamed(user_id=self._user_id, to=to))
        now, instance = self._services.clock.now(), renamed.instance(layout)
        self._services.publish(
            InstanceRenamed(at=now, user_id=self._user_id, to=to, instance=instance)
        )
        return InstanceAnswer(instance=instance)


def let_go(services: Services, keeper: StatusKeeper) -> None:
    """Set the user's data aside and forget the user, who has no process any more."""
    record, now = keeper.record, services.clock.now()
    belongings.set_aside(services.layout, record.user_id, epoch=record.epoch, at=now)
    keeper.forget()
    if record.uid is not None:
        services.isolation.release_uid(record.uid)


def finish_renames(store: Store, layout: Layout) -> None:
    """Finish the renames that the end of a manager interrupted, or take them back.

    The files tell: where they are at the new place, they belong to the new user. One that cannot be
    finished now holds up nobody else.
    """
    for record in store.records():
        if record.renaming_to is not None:
            with telling(record.user_id, "its rename is not finished"):
                finish_rename(store, layout, record)


def finish_rename(store: Store, layout: Layout, record: Record) -> str:
    """Finish one interrupted rename, or take it back; return whose the instance is now."""
    to = record.renaming_to
    if to is None:
        return record.user_id
    if layout.data(to).exists() and not layout.data(record.user_id).exists():
        return store.rename(record, to).user_id
    store.put(msgspec.structs.replace(record, renaming_to=None))
    return record.user_id
