"""What the manager tells everybody: past tense, immutable, numbered; one file per topic.

An event is made by the owner of the fact; the hub stamps ``epoch`` and ``seq`` when it publishes.
A new one is named in :data:`NumberedEvent`.
"""

from __future__ import annotations

from bus.events.base import Event, Heartbeat, InstanceEvent, ManagerEvent
from bus.events.instances import (
    ActorReplaced,
    InstanceDeleted,
    InstanceRenamed,
    InstanceUndeleted,
    StatusChanged,
)
from bus.events.manager import DiskLow, DiskRecovered, RestartsSlowed

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

__all__ = [
    "ActorReplaced",
    "AnyEvent",
    "DiskLow",
    "DiskRecovered",
    "Event",
    "Heartbeat",
    "InstanceDeleted",
    "InstanceEvent",
    "InstanceRenamed",
    "InstanceUndeleted",
    "ManagerEvent",
    "NumberedEvent",
    "RestartsSlowed",
    "StatusChanged",
]
