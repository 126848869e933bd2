"""What the manager tells everybody: past tense, immutable, numbered.

An event is made by the owner of the fact; the hub stamps ``epoch`` and ``seq`` when it publishes.
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from bus.instance import Instance
from bus.states import Status


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Base of the events.

    ``epoch`` names one life of the event bus, ``seq`` counts the events in it from 1.
    """

    v: Literal[1] = 1
    epoch: str = ""
    seq: int = 0
    at: datetime

    @property
    def topic(self) -> str:
        """The topic that it is published under."""
        raise NotImplementedError


class InstanceEvent(Event, frozen=True, kw_only=True):
    """An event about one user's instance."""

    user_id: str

    @property
    def topic(self) -> str:
        """``instance.<user_id>.<event>``."""
        return f"instance.{self.user_id}.{self.__struct_config__.tag}"


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


class InstanceUndeleted(InstanceEvent, frozen=True, kw_only=True, tag="instance_undeleted"):
    """The data are back."""

    instance: Instance


class InstanceRenamed(InstanceEvent, frozen=True, kw_only=True, tag="instance_renamed"):
    """What was this user's is user ``to``'s now."""

    to: str
    instance: Instance
    """As it is now, of user ``to``."""


class ManagerEvent(Event, frozen=True, kw_only=True):
    """An event about the manager or its machine."""

    reason: str

    @property
    def topic(self) -> str:
        """``manager.<event>``."""
        return f"manager.{self.__struct_config__.tag}"


class DiskLow(ManagerEvent, frozen=True, kw_only=True, tag="disk_low"):
    """The disk of the users' databases is nearly full."""

    free_bytes: int


class DiskRecovered(ManagerEvent, frozen=True, kw_only=True, tag="disk_recovered"):
    """It has room again."""

    free_bytes: int


class RestartsSlowed(ManagerEvent, frozen=True, kw_only=True, tag="restarts_slowed"):
    """Many instances failed at once: something else is wrong, and restarts are slowed."""

    failed_instances: int


class Heartbeat(Event, frozen=True, kw_only=True, tag="heartbeat"):
    """The bus lives and ``seq`` is the number of its last event; it has no number itself."""

    @property
    def topic(self) -> str:
        """``hub.heartbeat``."""
        return "hub.heartbeat"


NumberedEvent = (
    StatusChanged
    | ActorReplaced
    | InstanceDeleted
    | InstanceUndeleted
    | InstanceRenamed
    | DiskLow
    | DiskRecovered
    | RestartsSlowed
)
AnyEvent = NumberedEvent | Heartbeat
