"""The settings of the monitoring."""

from __future__ import annotations

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_USAGE_INTERVAL", "0.5", "usage_interval", 0.5),
    ("PB_METRICS_PER_INSTANCE", "off", "metrics_per_instance", "off"),
]
BAD: list[tuple[str, str]] = [
    ("PB_USAGE_INTERVAL", "0"),
    ("PB_METRICS_PER_INSTANCE", "no"),
]
