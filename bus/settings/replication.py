"""Settings: where every user's database is replicated to, continuously."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bus.settings.fields import Group, seconds, setting, text

S3 = "s3://"
TAKES = "a directory, or s3://bucket/prefix"
SHORTEST = 3600.0


def place(value: str) -> str:
    """Read where replicas go: a directory, made absolute, or a bucket of S3 and a prefix."""
    if "://" not in text(value):
        return str(Path(value).expanduser().absolute())
    bucket = value.removeprefix(S3).partition("/")[0]
    if not value.startswith(S3) or not bucket:
        raise ValueError
    return value.rstrip("/")


def url(value: str) -> str:
    """Read where a server is."""
    if not text(value).startswith(("http://", "https://")):
        raise ValueError
    return value


def retention(value: str) -> float:
    """Read a time of an hour or more, in seconds."""
    kept = float(value)
    if not SHORTEST <= kept < float("inf"):
        raise ValueError
    return kept


def find_litestream() -> str:
    """Return the ``litestream`` beside the running Python, else the one on ``PATH``."""
    beside = Path(sys.executable).with_name("litestream")
    if beside.exists():
        return str(beside)
    return shutil.which("litestream") or "litestream"


@dataclass(frozen=True, kw_only=True)
class ReplicationSettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "Replication"

    replica_url: str | None = setting("PB_REPLICA_URL", TAKES, place, None, "none")
    replica_endpoint: str | None = setting("PB_REPLICA_ENDPOINT", "a URL", url, None, "none")
    replica_region: str = setting("PB_REPLICA_REGION", "a text", text, "us-east-1")
    replica_access_key_id: str | None = setting(
        "PB_REPLICA_ACCESS_KEY_ID", "a text", text, None, "none"
    )
    replica_secret_access_key: str | None = setting(
        "PB_REPLICA_SECRET_ACCESS_KEY", "a text", text, None, "none", secret=True
    )
    replica_sync_interval: float = setting(
        "PB_REPLICA_SYNC_INTERVAL", "seconds, more than 0", seconds, 1.0
    )
    replica_retention: float = setting(
        "PB_REPLICA_RETENTION", "seconds, from 3600", retention, 604_800.0, "604800 (7 days)"
    )
    litestream_path: str = setting(
        "PB_LITESTREAM_PATH",
        "the path of a Litestream executable",
        text,
        find_litestream,
        "the `litestream` beside the running Python, else on `PATH`",
    )
