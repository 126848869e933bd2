"""StatusKeeper: the one door through which an instance's status changes."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

import msgspec

from actors.records import Record
from actors.services import Services
from bus import trace
from bus.errors import InstanceIOError
from bus.events import StatusChanged
from bus.instance import Instance
from bus.logs import fields
from bus.states import Desired, Status, may_follow

log = logging.getLogger(__name__)


class StatusKeeper:
    """Holds one user's record for its actor, the only one to change it.

    Whatever is ``strict`` raises :class:`InstanceIOError` when the registry cannot be written, and
    has changed nothing. The rest has happened whether it can be written or not: memory knows it,
    and the next write that succeeds carries it.
    """

    def __init__(self, user_id: str, services: Services) -> None:
        self._user_id = user_id
        self._services = services
        self._record = services.store.get(user_id)
        self._behalf = ""
        """The id of the call on whose behalf the status changes, until that is done."""

    @property
    def known(self) -> bool:
        """Whether there is a record of the user."""
        return self._record is not None

    @property
    def record(self) -> Record:
        """The record; there must be one."""
        assert self._record is not None, f"{self._user_id} is not known"
        return self._record

    @property
    def status(self) -> Status | None:
        """What the instance is doing; None when the user is not known."""
        return None if self._record is None else self._record.status

    @property
    def instance(self) -> Instance | None:
        """What users see of it; None when the user is not known."""
        return None if self._record is None else self._record.instance(self._services.layout)

    def enter(self, new: Status, reason: str, **changes: Any) -> None:
        """Go to status ``new``: check, store, publish, log."""
        self._enter(new, reason, changes, strict=False)

    def enter_strictly(self, new: Status, reason: str, **changes: Any) -> None:
        """Go to status ``new``, unless that cannot be written down."""
        self._enter(new, reason, changes, strict=True)

    def want(self, desired: Desired) -> None:
        """Write down what the user asked for, before it is acted on. Strict."""
        if self.record.desired is not desired:
            self._put(msgspec.structs.replace(self.record, desired=desired), strict=True)

    def note(self, **changes: Any) -> None:
        """Write down what is no change of status."""
        self._put(msgspec.structs.replace(self.record, **changes), strict=False)

    def forget(self) -> None:
        """The user is not known any more. Strict."""
        self._services.store.forget(self._user_id)
        self._record = None

    def note_strictly(self, **changes: Any) -> None:
        """Write down what is no change of status, unless that is impossible."""
        self._put(msgspec.structs.replace(self.record, **changes), strict=True)

    def note_in_memory(self, **changes: Any) -> None:
        """Remember what need not outlive the manager."""
        self._record = msgspec.structs.replace(self.record, **changes)
        self._services.store.put_in_memory(self._record)

    def _enter(self, new: Status, reason: str, changes: dict[str, Any], *, strict: bool) -> None:
        old, now = self.status, self._services.clock.now()
        if not may_follow(old, new):
            raise AssertionError(f"{self._user_id}: {new} cannot follow {old}")
        changes = changes | {"status": new, "reason": reason}
        if self._record is None:
            record = Record(user_id=self._user_id, **{"created_at": now, **changes})
        else:
            record = msgspec.structs.replace(self._record, **changes)
        self._put(record, strict=strict, entered=now)
        self._services.publish(  # before the line in the log: somebody may be waiting for it
            StatusChanged(
                at=now,
                user_id=self._user_id,
                old=old,
                status=new,
                reason=reason,
                instance=record.instance(self._services.layout),
            )
        )
        self._log(old, record)

    def _log(self, old: Status | None, record: Record) -> None:
        """Write the one line about this change, with the call that it goes back to."""
        self._behalf = trace.request_id() or self._behalf
        log.info(
            "%s: %s -> %s: %s",
            self._user_id,
            old,
            record.status,
            record.reason,
            extra=fields(
                user_id=self._user_id,
                old=old,
                status=record.status,
                reason=record.reason,
                cause=None if record.failure is None else record.failure.cause,
                run=record.run,
                pid=record.pid,
                request_id=self._behalf,
            ),
        )
        if record.status.value in (Status.FAILED.value, record.desired.value):
            self._behalf = ""  # what was asked for is done: what comes now comes by itself

    def _put(self, record: Record, *, strict: bool, entered: datetime | None = None) -> None:
        try:
            self._services.store.put(record, entered=entered)
        except InstanceIOError as error:
            if strict:
                raise
            log.error("%s: %s", self._user_id, error.message)
            self._services.store.owe(record)
        self._record = record
