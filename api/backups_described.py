"""The calls about backups, as they are described in ``/openapi.json``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from api.backups import LONG_WAIT, BackupReply, BackupsReply, CreateBody, RestoreBody
from api.input import MAX_WAIT
from api.openapi.operation import Operation, Query, Reply
from api.replies import InstanceReply
from bus.backup import PolicyChange
from bus.errors import (
    BackupError,
    Conflict,
    InstanceIOError,
    InvalidBackup,
    NoPorts,
    NotFound,
)

GROUP = "Backups"
ONE = "/api/users/{user_id}/backups/{backup}"
WAIT = {
    "wait": Query(
        type=Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT)],
        meaning="For how many seconds to wait for the end, 0: not at all",
        default=LONG_WAIT,
    )
}
LOCATION = {"Location": "Where the backups are listed"}
BACKUP_GOES_ON = Reply(what="It goes on", body=BackupReply, headers=LOCATION)
INSTANCE_GOES_ON = Reply(what="It goes on", body=InstanceReply, headers=LOCATION)

OPERATIONS = (
    Operation(
        call="GET /api/users/{user_id}/backups",
        summary="List the user's backups",
        details="Also of a user of whom nothing else is left.",
        group=GROUP,
        query={
            "elsewhere": Query(
                type=bool, meaning="Those at `PB_BACKUP_URL`, known here or not", default=False
            )
        },
        replies={200: Reply(what="Newest first, and the policy", body=BackupsReply)},
        errors=(NotFound, Conflict, BackupError, InvalidBackup),
    ),
    Operation(
        call="POST /api/users/{user_id}/backups",
        summary="Back up the user's data now",
        details=(
            "The instance is neither woken nor slowed. With `at` it is a backup of the data as "
            "they were at that moment, out of the replica."
        ),
        group=GROUP,
        query=WAIT,
        body=CreateBody,
        replies={200: Reply(what="It is made", body=BackupReply), 202: BACKUP_GOES_ON},
        errors=(NotFound, Conflict, BackupError, InvalidBackup),
    ),
    Operation(
        call=f"GET {ONE}",
        summary="Download a backup",
        details="A ZIP archive with `data.db` and `storage/` at its root, as PocketBase has them.",
        group=GROUP,
        replies={
            200: Reply(
                what="The archive",
                media="application/zip",
                headers={"Repr-Digest": "Its SHA-256 (RFC 9530)"},
            )
        },
        errors=(NotFound,),
    ),
    Operation(
        call=f"DELETE {ONE}",
        summary="Remove a backup",
        group=GROUP,
        replies={200: Reply(what="It is removed", body=BackupReply)},
        errors=(NotFound, Conflict, BackupError),
    ),
    Operation(
        call=f"POST {ONE}/prove",
        summary="Try whether PocketBase runs on a backup",
        details="On a copy, without hooks, beside everything else; it is thrown away.",
        group=GROUP,
        query=WAIT,
        replies={200: Reply(what="It does", body=BackupReply), 202: BACKUP_GOES_ON},
        errors=(NotFound, Conflict, BackupError, InvalidBackup, NoPorts),
    ),
    Operation(
        call=f"POST {ONE}/fetch",
        summary="Have a backup here that is at `PB_BACKUP_URL`",
        details="As after the loss of a disk. It can be restored then, also as a user who is "
        "not known any more.",
        group=GROUP,
        query=WAIT,
        replies={200: Reply(what="It is here", body=BackupReply), 202: BACKUP_GOES_ON},
        errors=(NotFound, Conflict, BackupError, InvalidBackup),
    ),
    Operation(
        call=f"POST {ONE}/restore",
        summary="Put a backup in the place of a user's data",
        details="It is checked first; when PocketBase does not run on it, the former data are put "
        "back. They are kept for `PB_DELETE_GRACE`. Another user gets secrets of his own.",
        group=GROUP,
        query=WAIT,
        body=RestoreBody,
        replies={200: Reply(what="It is restored", body=InstanceReply), 202: INSTANCE_GOES_ON},
        errors=(NotFound, Conflict, BackupError, InvalidBackup, InstanceIOError),
    ),
    Operation(
        call="POST /api/users/{user_id}/undo_restore",
        summary="Have the data back that the last restore has put aside",
        group=GROUP,
        query=WAIT,
        replies={200: Reply(what="They are back", body=InstanceReply), 202: INSTANCE_GOES_ON},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
    Operation(
        call="POST /api/users/{user_id}/confirm_restore",
        summary="Remove what the last restore has put aside",
        group=GROUP,
        query=WAIT,
        replies={200: Reply(what="It is gone", body=InstanceReply), 202: INSTANCE_GOES_ON},
        errors=(NotFound, Conflict, InstanceIOError),
    ),
    Operation(
        call="PUT /api/users/{user_id}/backup_policy",
        summary="Set how the user's backups differ from the settings",
        group=GROUP,
        body=PolicyChange,
        replies={200: Reply(what="What holds now", body=BackupsReply)},
        errors=(NotFound, BackupError),
    ),
    Operation(
        call="POST /api/users/{user_id}/import",
        summary="Make an archive the data of a new user",
        details="The body is a ZIP file: a backup of ours, one of PocketBase 0.23 or later, or a "
        "`pb_data` directory.",
        group=GROUP,
        query={
            **WAIT,
            "keep_secrets": Query(
                type=bool, meaning="Keep the keys that tokens are signed with", default=False
            ),
        },
        body_media="application/zip",
        replies={200: Reply(what="It is Stopped", body=InstanceReply), 202: INSTANCE_GOES_ON},
        errors=(Conflict, NotFound, BackupError, InvalidBackup, NoPorts),
    ),
)
