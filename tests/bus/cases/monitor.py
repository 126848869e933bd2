"""The settings of the monitoring."""

from __future__ import annotations

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_USAGE_INTERVAL", "0.5", "usage_interval", 0.5),
]
BAD: list[tuple[str, str]] = [
    ("PB_USAGE_INTERVAL", "0"),
]
