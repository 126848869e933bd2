"""Settings: how the users' processes are kept apart, and their limits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, at_least, between, count, one_of, setting


@dataclass(frozen=True, kw_only=True)
class IsolationSettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "Isolation and limits"

    isolation: str = setting("PB_ISOLATION", "`none` or `uid`", one_of("none", "uid"), "none")
    uid_base: int = setting("PB_UID_BASE", "a uid from 1000", at_least(1000), 200_000)
    uid_range: int = setting("PB_UID_RANGE", "how many, from 1", count, 65_536)
    memory_limit_mib: int | None = setting(
        "PB_MEMORY_LIMIT_MIB", "MiB, from 128", at_least(128), None, "none"
    )
    cpu_weight: int | None = setting(
        "PB_CPU_WEIGHT", "a weight from 1 to 10000", between(1, 10_000), None, "none"
    )
    niceness: int = setting("PB_NICENESS", "from -20 to 0", between(-20, 0), -15)
    open_files_limit: int | None = setting(
        "PB_OPEN_FILES_LIMIT", "how many, from 64", at_least(64), None, "none"
    )
