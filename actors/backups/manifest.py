"""Manifest: what a backup says of itself."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Literal

import msgspec


class Kind(StrEnum):
    """Why a backup was made."""

    SCHEDULED = "scheduled"
    MANUAL = "manual"
    UPGRADE = "upgrade"
    REPLICA = "replica"
    """Somebody asked for a moment that was past, which the replica had."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is written beside the data. Sizes are in bytes."""

    format: Literal[1] = 1
    user_id: str
    """Whose data it was."""
    kind: Kind
    taken_at: datetime
    version: str | None
    """The PocketBase that the data were last served with."""
    identity: str
    """What tells the database from every other one."""
    migrations: tuple[str, ...]
    settings_encrypted: bool
    files_elsewhere: bool
    """Uploads lie in a bucket: they are not in the backup."""
    database_bytes: int
    database_sha256: str
    files: int
    files_bytes: int
    files_sha256: str
    """Of their names and sizes: a stored file never changes."""
    missing: tuple[str, ...] = ()
    """Files that records say they have, and that were gone before the backup."""
    fingerprint: str | None = None
    """How the live files looked; None: too fresh to tell a later change by."""

    @property
    def content(self) -> tuple[str, str]:
        """The same for two backups that hold the same."""
        return self.database_sha256, self.files_sha256
