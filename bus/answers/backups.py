"""Answers: backups."""

from __future__ import annotations

from datetime import datetime

from bus.answers.base import Answer
from bus.backup import Backup, BackupPolicy


class BackupAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``CreateBackup``, ``DeleteBackup`` and ``ProveBackup``: the backup as it is, or was."""

    backup: Backup


class BackupsAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``ListBackups`` and ``PutBackupPolicy``."""

    backups: list[Backup]
    """Newest first."""
    policy: BackupPolicy
    restored_at: datetime | None
    """When data were restored whose former ones are still kept; null: none are."""


class BackupFileAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``FindBackup``. Whoever opens the file soon can read it to its end."""

    backup: Backup
    path: str
    host: str | None = None
    """In a cluster, the host that the file is on: on another one ``ReadBackup`` reads it."""


class PieceAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``ReadBackup``: the piece; it is empty behind the end of the file."""

    piece: bytes


class UploadAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``PutUpload``: how many bytes of the archive are there."""

    bytes: int
