"""What can be asked of the manager: imperative, immutable, checked when made; one file per topic.

A request says nothing about how it is answered; :mod:`bus.answers` does. A new one is named in
:data:`AnyRequest`, and its owner in ``actors/system.py``.
"""

from __future__ import annotations

from bus.requests.access import (
    MAX_METADATA,
    MAX_TOKEN_SECONDS,
    GetMetadata,
    MintToken,
    PutMetadata,
    RevokeTokens,
)
from bus.requests.backups import (
    PIECE,
    UPLOAD_PIECE,
    ConfirmRestore,
    CreateBackup,
    DeleteBackup,
    FetchBackup,
    FindBackup,
    ImportInstance,
    ListBackups,
    ProveBackup,
    PutBackupPolicy,
    PutUpload,
    ReadBackup,
    RestoreBackup,
    UndoRestore,
)
from bus.requests.base import Request, UserRequest
from bus.requests.cluster import (
    DrainHost,
    GetCluster,
    MoveInstance,
    RebalanceHost,
    VerifyReplica,
)
from bus.requests.door import GetDoor, GetDoorUse
from bus.requests.instances import MAX_PAGE, GetInstance, InitInstance, ListInstances, StopInstance
from bus.requests.logs import MAX_LOG_CURSOR, MAX_LOG_LINES, MAX_LOG_WAIT, ReadLog
from bus.requests.manager import GetEvents, GetHealth
from bus.requests.monitor import GetFleet, GetHistory, GetUsage
from bus.requests.ownership import CloneInstance, DeleteInstance, RenameInstance, UndeleteInstance
from bus.requests.replication import GetReplica
from bus.requests.sleep import (
    FindHost,
    GetSleep,
    PutSleepPolicy,
    SleepInstance,
    WakeHost,
    WakeInstance,
)
from bus.requests.versions import MAX_WAVE, CancelRollout, GetRollout, StartRollout, UpgradeInstance

AnyRequest = (
    InitInstance
    | StopInstance
    | GetInstance
    | MintToken
    | RevokeTokens
    | GetMetadata
    | PutMetadata
    | DeleteInstance
    | UndeleteInstance
    | RenameInstance
    | CloneInstance
    | WakeInstance
    | WakeHost
    | FindHost
    | SleepInstance
    | GetSleep
    | GetDoor
    | GetDoorUse
    | PutSleepPolicy
    | ListInstances
    | GetHealth
    | GetEvents
    | GetFleet
    | GetUsage
    | GetHistory
    | ReadLog
    | GetReplica
    | CancelRollout
    | GetRollout
    | StartRollout
    | UpgradeInstance
    | ConfirmRestore
    | CreateBackup
    | DeleteBackup
    | FetchBackup
    | FindBackup
    | ImportInstance
    | ListBackups
    | ProveBackup
    | PutBackupPolicy
    | PutUpload
    | ReadBackup
    | RestoreBackup
    | UndoRestore
    | GetCluster
    | DrainHost
    | MoveInstance
    | RebalanceHost
    | VerifyReplica
)

__all__ = [
    "MAX_LOG_CURSOR",
    "MAX_LOG_LINES",
    "MAX_LOG_WAIT",
    "MAX_METADATA",
    "MAX_PAGE",
    "MAX_TOKEN_SECONDS",
    "MAX_WAVE",
    "PIECE",
    "UPLOAD_PIECE",
    "AnyRequest",
    "CancelRollout",
    "CloneInstance",
    "ConfirmRestore",
    "CreateBackup",
    "DeleteBackup",
    "DeleteInstance",
    "DrainHost",
    "FetchBackup",
    "FindBackup",
    "FindHost",
    "GetCluster",
    "GetDoor",
    "GetDoorUse",
    "GetEvents",
    "GetFleet",
    "GetHealth",
    "GetHistory",
    "GetInstance",
    "GetMetadata",
    "GetReplica",
    "GetRollout",
    "GetSleep",
    "GetUsage",
    "ImportInstance",
    "InitInstance",
    "ListBackups",
    "ListInstances",
    "MintToken",
    "MoveInstance",
    "ProveBackup",
    "PutBackupPolicy",
    "PutMetadata",
    "PutSleepPolicy",
    "PutUpload",
    "ReadBackup",
    "ReadLog",
    "RebalanceHost",
    "RenameInstance",
    "Request",
    "RestoreBackup",
    "RevokeTokens",
    "SleepInstance",
    "StartRollout",
    "StopInstance",
    "UndeleteInstance",
    "UndoRestore",
    "UpgradeInstance",
    "UserRequest",
    "VerifyReplica",
    "WakeHost",
    "WakeInstance",
]
