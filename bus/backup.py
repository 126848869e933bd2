"""The backup as its users see it, and what is kept of them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

MAX_INTERVAL = 366 * 86_400
"""The longest time between two backups, in seconds."""
MAX_KEPT = 1_000
"""The most backups of a kind that a policy may ask for."""
Interval = Annotated[float, msgspec.Meta(ge=0, le=MAX_INTERVAL)]
Kept = Annotated[int, msgspec.Meta(ge=0, le=MAX_KEPT)]


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """One backup of one user. Sizes are in bytes, times RFC 3339 in UTC."""

    id: str
    user_id: str
    """Whose data it was then."""
    kind: str
    """``scheduled``, ``manual``, ``upgrade`` or ``replica``."""
    taken_at: datetime
    bytes: int
    """Of the archive."""
    sha256: str
    """Of the archive."""
    version: str | None
    """The PocketBase that the data were last served with."""
    migrations: int
    database_bytes: int
    files: int
    files_bytes: int
    missing: list[str] = []
    """Files that records say they have, and that were gone before the backup."""
    settings_encrypted: bool = False
    files_elsewhere: bool = False
    """Uploads lie in a bucket: they are not in the backup."""
    proven_at: datetime | None = None
    """When PocketBase last ran on it and answered from its database."""
    problem: str | None = None
    """Why that failed, when it was tried last."""
    sent_at: datetime | None = None
    """When it was copied to ``PB_BACKUP_URL``; null: it is not there."""


class BackupPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """How often one user is backed up, and what is kept."""

    interval: Interval
    """Seconds between two scheduled backups; 0: none."""
    keep_last: Annotated[int, msgspec.Meta(ge=1, le=MAX_KEPT)]
    keep_daily: Kept
    keep_weekly: Kept


class PolicyChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one user's policy differs from the settings; null: it does not."""

    interval: Interval | None = None
    keep_last: Annotated[int, msgspec.Meta(ge=1, le=MAX_KEPT)] | None = None
    keep_daily: Kept | None = None
    keep_weekly: Kept | None = None

    def over(self, policy: BackupPolicy) -> BackupPolicy:
        """Return ``policy`` with these changes."""
        changes = {name: getattr(self, name) for name in self.__struct_fields__}
        given = {name: value for name, value in changes.items() if value is not None}
        return msgspec.structs.replace(policy, **given)
