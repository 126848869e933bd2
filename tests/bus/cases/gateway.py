"""The settings of the public door."""

from __future__ import annotations

GOOD: list[tuple[str, str, str, object]] = [
    ("PB_WAKE_PORT", "3001", "wake_port", 3001),
]
BAD: list[tuple[str, str]] = [
    ("PB_WAKE_PORT", "0"),
]
