"""Events: backups, restores and imports."""

from __future__ import annotations

from typing import Literal

from bus.backup import Backup
from bus.events.base import InstanceEvent
from bus.instance import Instance


class BackupProgressed(InstanceEvent, frozen=True, kw_only=True, tag="backup_progressed"):
    """Something that takes its time has come to another stage."""

    operation: Literal["backup", "proof", "restore", "import"]
    stage: str
    """In words."""


class BackupFinished(InstanceEvent, frozen=True, kw_only=True, tag="backup_finished"):
    """There is a new backup."""

    backup: Backup


class BackupFailed(InstanceEvent, frozen=True, kw_only=True, tag="backup_failed"):
    """A backup could not be made; the ones before are untouched."""

    reason: str


class BackupProven(InstanceEvent, frozen=True, kw_only=True, tag="backup_proven"):
    """PocketBase has run on the backup and answered from its database."""

    backup: Backup


class BackupUnprovable(InstanceEvent, frozen=True, kw_only=True, tag="backup_unprovable"):
    """PocketBase does not run on the backup: it would not help."""

    backup: Backup
    reason: str


class InstanceRestored(InstanceEvent, frozen=True, kw_only=True, tag="instance_restored"):
    """The instance has other data: a backup's, an archive's, or its former ones again."""

    reason: str
    instance: Instance


class RestoreFailed(InstanceEvent, frozen=True, kw_only=True, tag="restore_failed"):
    """A restore or an import came to nothing; whatever was there before is there."""

    reason: str
