"""Settings: backups."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bus.backup import MAX_INTERVAL, BackupPolicy
from bus.settings.fields import at_least, count, directory, setting
from bus.settings.instances import InstanceSettings
from bus.settings.replication import TAKES, place


def interval(text: str) -> float:
    """Read the seconds between two backups, or 0 for none."""
    value = float(text)
    if not (math.isfinite(value) and 0 <= value <= MAX_INTERVAL):
        raise ValueError
    return value


def share(text: str) -> float:
    """Read a part of the whole."""
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError
    return value


@dataclass(frozen=True, kw_only=True)
class BackupSettings(InstanceSettings):
    """See the module. Backups lie in the manager's own directory, if nothing else is said."""

    TITLE: ClassVar[str] = "Backups"

    backup_path: Path | None = setting(
        "PB_BACKUP_PATH", "a directory", directory, None, "`.pblm/backups` in `PB_USER_DBS_PATH`"
    )
    backup_url: str | None = setting("PB_BACKUP_URL", TAKES, place, None, "none")
    backup_interval: float = setting(
        "PB_BACKUP_INTERVAL", "seconds, from 0", interval, 0.0, "0 (none)"
    )
    backup_keep_last: int = setting("PB_BACKUP_KEEP_LAST", "how many, from 1", count, 7)
    backup_keep_daily: int = setting("PB_BACKUP_KEEP_DAILY", "how many, from 0", at_least(0), 7)
    backup_keep_weekly: int = setting("PB_BACKUP_KEEP_WEEKLY", "how many, from 0", at_least(0), 4)
    backup_parallel: int = setting("PB_BACKUP_PARALLEL", "how many, from 1", count, 2)
    backup_prove: float = setting("PB_BACKUP_PROVE", "a share, 0 to 1", share, 0.1)
    import_limit_mib: int = setting("PB_IMPORT_LIMIT_MIB", "MiB, from 1", count, 10_240)

    @property
    def backups_root(self) -> Path:
        """Where all backups are."""
        return self.backup_path or self.control_path / "backups"

    @property
    def uploads_path(self) -> Path:
        """Where archives wait that were sent to us."""
        return self.control_path / "uploads"

    @property
    def backup_policy(self) -> BackupPolicy:
        """What holds for every user of whom nothing else is said."""
        return BackupPolicy(
            interval=self.backup_interval,
            keep_last=self.backup_keep_last,
            keep_daily=self.backup_keep_daily,
            keep_weekly=self.backup_keep_weekly,
        )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.backup_path is not None:
            object.__setattr__(self, "backup_path", self.backup_path.absolute())
