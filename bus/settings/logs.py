"""Settings: what is written down of the instances and of the manager itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, between, count, one_of, setting


@dataclass(frozen=True, kw_only=True)
class LogSettings(Group):
    """The logs."""

    TITLE: ClassVar[str] = "Logs"

    instance_log_mib: int = setting("PB_INSTANCE_LOG_MIB", "MiB, from 1", count, 5)
    instance_log_parts: int = setting(
        "PB_INSTANCE_LOG_PARTS", "how many, from 1 to 20", between(1, 20), 2
    )
    log_format: str = setting("PB_LOG_FORMAT", "`text` or `json`", one_of("text", "json"), "text")
