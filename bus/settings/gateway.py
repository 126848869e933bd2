"""Settings: the public door, through which the users' own callers come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import Group, port, setting


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(Group):
    """See the module."""

    TITLE: ClassVar[str] = "Public door"

    wake_port: int | None = setting("PB_WAKE_PORT", "a port from 1 to 65535", port, None, "none")

    @property
    def wake_places(self) -> list[int]:
        """Where doors ask: ports of loopback."""
        return [] if self.wake_port is None else [self.wake_port]
