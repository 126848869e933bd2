"""Settings: when instances that nobody uses are put to sleep."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, setting


def idle(text: str) -> float:
    """Read a time from one second to a year."""
    value = float(text)
    if not (math.isfinite(value) and 1 <= value <= 31_536_000):
        raise ValueError
    return value


@dataclass(frozen=True, kw_only=True)
class SleepSettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "Hibernation"

    idle_timeout: float | None = setting(
        "PB_IDLE_TIMEOUT", "seconds, from 1", idle, None, "none: nobody is put to sleep"
    )
