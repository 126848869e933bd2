"""What the manager answers to a request; one file per topic.

A new one is named in :data:`AnyAnswer`.
"""

from __future__ import annotations

from bus.answers.access import MetadataAnswer, RevokedAnswer, TokenAnswer
from bus.answers.backups import (
    BackupAnswer,
    BackupFileAnswer,
    BackupsAnswer,
    PieceAnswer,
    UploadAnswer,
)
from bus.answers.base import Answer
from bus.answers.cluster import (
    ClusterAnswer,
    ClusterHost,
    DrillAnswer,
    MovesAnswer,
    PlaceAnswer,
)
from bus.answers.door import DoorAnswer, DoorUseAnswer
from bus.answers.error import ErrorAnswer
from bus.answers.instances import InstanceAnswer, InstancesAnswer
from bus.answers.logs import LogAnswer
from bus.answers.manager import EventsAnswer, HealthAnswer, HostHealth
from bus.answers.monitor import FleetAnswer, HistoryAnswer, HostFleet, UsageAnswer
from bus.answers.replication import ReplicaAnswer, ReplicaGeneration
from bus.answers.sleep import SleepAnswer
from bus.answers.versions import RolloutAnswer

AnyAnswer = (
    InstanceAnswer
    | InstancesAnswer
    | TokenAnswer
    | RevokedAnswer
    | MetadataAnswer
    | SleepAnswer
    | DoorAnswer
    | DoorUseAnswer
    | HealthAnswer
    | EventsAnswer
    | FleetAnswer
    | UsageAnswer
    | HistoryAnswer
    | LogAnswer
    | ReplicaAnswer
    | ErrorAnswer
    | RolloutAnswer
    | BackupAnswer
    | BackupFileAnswer
    | BackupsAnswer
    | PieceAnswer
    | UploadAnswer
    | ClusterAnswer
    | DrillAnswer
    | MovesAnswer
    | PlaceAnswer
)

__all__ = [
    "Answer",
    "AnyAnswer",
    "BackupAnswer",
    "BackupFileAnswer",
    "BackupsAnswer",
    "ClusterAnswer",
    "ClusterHost",
    "DoorAnswer",
    "DoorUseAnswer",
    "DrillAnswer",
    "ErrorAnswer",
    "EventsAnswer",
    "FleetAnswer",
    "HealthAnswer",
    "HistoryAnswer",
    "HostFleet",
    "HostHealth",
    "InstanceAnswer",
    "InstancesAnswer",
    "LogAnswer",
    "MetadataAnswer",
    "MovesAnswer",
    "PieceAnswer",
    "PlaceAnswer",
    "ReplicaAnswer",
    "ReplicaGeneration",
    "RevokedAnswer",
    "RolloutAnswer",
    "SleepAnswer",
    "TokenAnswer",
    "UploadAnswer",
    "UsageAnswer",
]
