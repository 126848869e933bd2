"""Events: one instance."""

from __future__ import annotations

from datetime import datetime

from bus.events.base import InstanceEvent
from bus.instance import Instance
from bus.states import Status


class StatusChanged(InstanceEvent, frozen=True, kw_only=True, tag="status_changed"):
    """An instance went from status ``old`` (null: it is new) to ``status``."""

    old: Status | None
    status: Status
    reason: str
    instance: Instance


class ActorReplaced(InstanceEvent, frozen=True, kw_only=True, tag="actor_replaced"):
    """The actor of an instance died of a bug; another has taken over, the process goes on."""

    reason: str


class InstanceDeleted(InstanceEvent, frozen=True, kw_only=True, tag="instance_deleted"):
    """The data were put away until ``purge_at``; null: they are gone, and so is the instance."""

    purge_at: datetime | None
    instance: Instance | None
    backups_kept: bool = False
    """The data are gone, the backups are not."""
    data_epoch: int | None = None
    """The epoch of the data that are gone, as in the names of their replica; null: put away."""


class InstanceUndeleted(InstanceEvent, frozen=True, kw_only=True, tag="instance_undeleted"):
    """The data are back."""

    instance: Instance


class InstanceRenamed(InstanceEvent, frozen=True, kw_only=True, tag="instance_renamed"):
    """What was this user's is user ``to``'s now."""

    to: str
    instance: Instance
    """As it is now, of user ``to``."""
