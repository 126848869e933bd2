"""The settings of hibernation."""

from __future__ import annotations

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_IDLE_TIMEOUT", "1", "idle_timeout", 1.0),
    ("PB_IDLE_TIMEOUT", "31536000", "idle_timeout", 31_536_000.0),
]
BAD: list[tuple[str, str]] = [
    ("PB_IDLE_TIMEOUT", "0"),
    ("PB_IDLE_TIMEOUT", "soon"),
    ("PB_IDLE_TIMEOUT", "inf"),
]
