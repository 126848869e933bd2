"""What the manager tells everybody: past tense, immutable, numbered; one file per topic.

An event is made by the owner of the fact; the hub stamps ``epoch`` and ``seq`` when it publishes.
A new one is named in :data:`NumberedEvent`, or in :data:`AnyEvent` if it is not numbered.
"""

from __future__ import annotations

from bus.events.backups import (
    BackupFailed,
    BackupFinished,
    BackupProgressed,
    BackupProven,
    BackupUnprovable,
    InstanceRestored,
    RestoreFailed,
)
from bus.events.base import Event, Heartbeat, InstanceEvent, ManagerEvent, Origin
from bus.events.cluster import HostConnected, HostDisconnected
from bus.events.instances import (
    ActorReplaced,
    InstanceDeleted,
    InstanceRenamed,
    InstanceUndeleted,
    StatusChanged,
)
from bus.events.manager import DiskLow, DiskRecovered, RestartsSlowed
from bus.events.usage import UsageSampled
from bus.events.versions import InstanceUpgraded, RolloutFinished, RolloutStarted, UpgradeRolledBack

NumberedEvent = (
    StatusChanged
    | ActorReplaced
    | InstanceDeleted
    | InstanceUndeleted
    | InstanceRenamed
    | DiskLow
    | DiskRecovered
    | RestartsSlowed
    | InstanceUpgraded
    | RolloutFinished
    | RolloutStarted
    | UpgradeRolledBack
    | BackupFailed
    | BackupFinished
    | BackupProgressed
    | BackupProven
    | BackupUnprovable
    | InstanceRestored
    | RestoreFailed
    | HostConnected
    | HostDisconnected
)

AnyEvent = NumberedEvent | Heartbeat | UsageSampled

__all__ = [
    "ActorReplaced",
    "AnyEvent",
    "BackupFailed",
    "BackupFinished",
    "BackupProgressed",
    "BackupProven",
    "BackupUnprovable",
    "DiskLow",
    "DiskRecovered",
    "Event",
    "Heartbeat",
    "HostConnected",
    "HostDisconnected",
    "InstanceDeleted",
    "InstanceEvent",
    "InstanceRenamed",
    "InstanceRestored",
    "InstanceUndeleted",
    "InstanceUpgraded",
    "ManagerEvent",
    "NumberedEvent",
    "Origin",
    "RestartsSlowed",
    "RestoreFailed",
    "RolloutFinished",
    "RolloutStarted",
    "StatusChanged",
    "UpgradeRolledBack",
    "UsageSampled",
]
