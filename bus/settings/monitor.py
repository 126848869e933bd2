"""Settings: what is measured and told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, one_of, seconds, setting


@dataclass(frozen=True, kw_only=True)
class MonitorSettings(Group):
    """How closely the instances are looked at."""

    TITLE: ClassVar[str] = "Monitoring"

    usage_interval: float = setting("PB_USAGE_INTERVAL", "seconds, more than 0", seconds, 10.0)
    metrics_per_instance: str = setting(
        "PB_METRICS_PER_INSTANCE", "`on` or `off`", one_of("on", "off"), "on"
    )
