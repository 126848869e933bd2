"""The settings of the backups."""

from __future__ import annotations

from pathlib import Path

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_BACKUP_PATH", "/mnt/backups", "backup_path", Path("/mnt/backups")),
    ("PB_BACKUP_URL", "away", "backup_url", str(Path("away").absolute())),
    ("PB_BACKUP_INTERVAL", "0", "backup_interval", 0.0),
    ("PB_BACKUP_INTERVAL", "86400", "backup_interval", 86_400.0),
    ("PB_BACKUP_KEEP_LAST", "1", "backup_keep_last", 1),
    ("PB_BACKUP_KEEP_DAILY", "0", "backup_keep_daily", 0),
    ("PB_BACKUP_KEEP_WEEKLY", "52", "backup_keep_weekly", 52),
    ("PB_BACKUP_PARALLEL", "4", "backup_parallel", 4),
    ("PB_BACKUP_PROVE", "0.5", "backup_prove", 0.5),
    ("PB_IMPORT_LIMIT_MIB", "100", "import_limit_mib", 100),
]
BAD: list[tuple[str, str]] = [
    ("PB_BACKUP_PATH", " "),
    ("PB_BACKUP_URL", "ftp://host/path"),
    ("PB_BACKUP_URL", "s3://bucket/without/keys"),
    ("PB_BACKUP_INTERVAL", "-1"),
    ("PB_BACKUP_INTERVAL", "daily"),
    ("PB_BACKUP_INTERVAL", "inf"),
    ("PB_BACKUP_KEEP_LAST", "0"),
    ("PB_BACKUP_KEEP_DAILY", "-1"),
    ("PB_BACKUP_KEEP_WEEKLY", "many"),
    ("PB_BACKUP_PARALLEL", "0"),
    ("PB_BACKUP_PROVE", "2"),
    ("PB_IMPORT_LIMIT_MIB", "0"),
]
