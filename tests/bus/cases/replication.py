"""The settings of the replication."""

from __future__ import annotations

from pathlib import Path

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_REPLICA_URL", "replicas", "replica_url", str(Path("replicas").absolute())),
    ("PB_REPLICA_URL", "~/replicas", "replica_url", str(Path.home() / "replicas")),
    ("PB_REPLICA_ENDPOINT", "http://127.0.0.1:9000", "replica_endpoint", "http://127.0.0.1:9000"),
    ("PB_REPLICA_REGION", "eu-central-1", "replica_region", "eu-central-1"),
    ("PB_REPLICA_ACCESS_KEY_ID", "id", "replica_access_key_id", "id"),
    ("PB_REPLICA_SECRET_ACCESS_KEY", "secret", "replica_secret_access_key", "secret"),
    ("PB_REPLICA_SYNC_INTERVAL", "0.5", "replica_sync_interval", 0.5),
    ("PB_REPLICA_RETENTION", "3600", "replica_retention", 3_600.0),
    ("PB_LITESTREAM_PATH", "/opt/litestream", "litestream_path", "/opt/litestream"),
]

BAD: list[tuple[str, str]] = [
    ("PB_REPLICA_URL", "s3://"),
    ("PB_REPLICA_URL", "s3:///prefix"),
    ("PB_REPLICA_URL", "s3://bucket/without/keys"),
    ("PB_REPLICA_URL", "ftp://host/path"),
    ("PB_REPLICA_ENDPOINT", "127.0.0.1:9000"),
    ("PB_REPLICA_REGION", " "),
    ("PB_REPLICA_ACCESS_KEY_ID", " "),
    ("PB_REPLICA_SECRET_ACCESS_KEY", " "),
    ("PB_REPLICA_SYNC_INTERVAL", "0"),
    ("PB_REPLICA_RETENTION", "3599"),
    ("PB_REPLICA_RETENTION", "nan"),
    ("PB_LITESTREAM_PATH", " "),
]
