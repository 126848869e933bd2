"""Requests: backups, restores and imports."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from bus.backup import PolicyChange
from bus.errors import InvalidRequest
from bus.requests.base import UserRequest
from bus.user_id import check_user_id

PIECE = 256 * 1024
"""So much of a backup's file is read at once, in bytes."""
UPLOAD_PIECE = 40 * 1024
"""The largest piece of an upload, in bytes: in Base64 it fits into the largest request."""


class CreateBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """Back up the user's data now, whether the instance runs or not. It is not woken.

    With ``at`` it is a backup of the data as they were at that moment, out of the replica.
    """

    at: datetime | None = None

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        if self.at is not None and self.at.tzinfo is None:
            raise InvalidRequest(f"at={self.at.isoformat()}: takes a moment with its offset to UTC")


class ListBackups(UserRequest, frozen=True, kw_only=True, tag=True):
    """The user's backups, and the policy they follow. Also of a user who is gone."""

    elsewhere: bool = False
    """Those at ``PB_BACKUP_URL``, whether this manager knows them or not."""


class FetchBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have a backup here that is at ``PB_BACKUP_URL``, as after the loss of a disk."""

    backup: str


class FindBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """Where the file of one backup is."""

    backup: str


class ReadBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """A piece of one backup's file, from whichever host has it."""

    backup: str
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Where the piece begins, in bytes."""


class DeleteBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """Remove one backup."""

    backup: str


class ProveBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """Try now whether PocketBase runs on the backup, beside everything else."""

    backup: str


class RestoreBackup(UserRequest, frozen=True, kw_only=True, tag=True):
    """Put the backup in the place of the user's data, or of user ``to``'s, known or not.

    Another user than the one it was made of gets secrets of his own.
    """

    backup: str
    to: str | None = None

    def __post_init__(self) -> None:
        check_user_id(self.user_id)
        if self.to is not None:
            check_user_id(self.to)


class UndoRestore(UserRequest, frozen=True, kw_only=True, tag=True):
    """Have the data back that the last restore has put aside."""


class ConfirmRestore(UserRequest, frozen=True, kw_only=True, tag=True):
    """The restored data are good: remove what was put aside."""


class PutUpload(UserRequest, frozen=True, kw_only=True, tag=True):
    """Add a piece to an archive that comes in for a new user, on the host that is to have him.

    The pieces come one after another, the next when the last one was answered.
    """

    upload: str
    """Its name among the uploads, chosen by who sends it: 32 hexadecimal digits and ``.zip``."""
    offset: Annotated[int, msgspec.Meta(ge=0)]
    """Where the piece begins, in bytes: how long the archive is so far."""
    piece: Annotated[bytes, msgspec.Meta(max_length=UPLOAD_PIECE)]


class ImportInstance(UserRequest, frozen=True, kw_only=True, tag=True):
    """Make an uploaded archive the data of a new user.

    ``upload`` is a file in the directory of uploads of the host that is to have the user, by
    :class:`PutUpload` or, where there is one host, put there; it is taken over.
    """

    upload: str
    keep_secrets: bool = False
    """Keep the keys that tokens are signed with, so that those given out stay good."""


class PutBackupPolicy(UserRequest, frozen=True, kw_only=True, tag=True):
    """Set how the user's backups differ from the settings; null: they do not."""

    policy: PolicyChange
