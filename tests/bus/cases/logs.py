"""The settings of the logs."""

from __future__ import annotations

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_INSTANCE_LOG_MIB", "1", "instance_log_mib", 1),
    ("PB_INSTANCE_LOG_PARTS", "20", "instance_log_parts", 20),
    ("PB_LOG_FORMAT", "json", "log_format", "json"),
]
BAD: list[tuple[str, str]] = [
    ("PB_INSTANCE_LOG_MIB", "0"),
    ("PB_INSTANCE_LOG_PARTS", "0"),
    ("PB_INSTANCE_LOG_PARTS", "21"),
    ("PB_LOG_FORMAT", "xml"),
]
