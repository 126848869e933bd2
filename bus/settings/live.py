"""Settings: live status over WebSocket."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlsplit

from bus.settings.doors import DoorSettings
from bus.settings.fields import port, refusal, setting

BESIDE = 0
"""The port beside that of the API."""
_SEPARATORS = frozenset(" \t,;'\"")
"""What would end the URL where it is written into a header."""


def _port_or_off(text: str) -> int | None:
    return None if text == "off" else port(text)


def _url(text: str) -> str:
    parts = urlsplit(text)
    well_formed = parts.hostname and parts.port != 0 and not parts.query and not parts.fragment
    if parts.scheme not in ("ws", "wss") or not well_formed:
        raise ValueError
    if not text.isascii() or not text.isprintable() or _SEPARATORS & set(text):
        raise ValueError
    return text


@dataclass(frozen=True, kw_only=True)
class LiveSettings(DoorSettings):
    """See the module. It listens where the API does, and takes the same token."""

    TITLE: ClassVar[str] = "Live status"

    live_port: int | None = setting(
        "PB_LIVE_PORT",
        "a port from 1 to 65535, or `off`",
        _port_or_off,
        BESIDE,
        "`PB_API_PORT` + 1",
    )
    live_url: str | None = setting("PB_LIVE_URL", "a ws:// or wss:// URL", _url, None, "none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.live_port == BESIDE:
            step = 1 if self.api_port < 65_535 else -1
            object.__setattr__(self, "live_port", self.api_port + step)
        if self.live_port == self.api_port:
            raise refusal("PB_LIVE_PORT", str(self.live_port), "another port than PB_API_PORT")
