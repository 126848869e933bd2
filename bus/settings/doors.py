"""Settings: the doors, HTTP and the bus."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar

from bus.settings.fields import is_loopback, port, refusal, setting, text
from bus.settings.instances import InstanceSettings

MAX_IPC_PATH = 107
"""Longest path of a Unix socket on Linux, in bytes (``sockaddr_un``, unix(7))."""


@dataclass(frozen=True, kw_only=True)
class DoorSettings(InstanceSettings):
    """See the module. The sockets of the bus lie beside the instances, if nothing else is said."""

    TITLE: ClassVar[str] = "API and bus"

    api_host: str = setting("PB_API_HOST", "an address or host name", text, "127.0.0.1")
    api_port: int = setting("PB_API_PORT", "a port from 1 to 65535", port, 3000)
    api_token: str | None = setting("PB_API_TOKEN", "a text", text, None, "none", secret=True)
    command_endpoint: str = setting(
        "PB_COMMAND_ENDPOINT",
        "an ipc:// or loopback tcp:// endpoint",
        text,
        "",
        "`ipc://` in the run directory",
    )
    event_endpoint: str = setting(
        "PB_EVENT_ENDPOINT",
        "an ipc:// or loopback tcp:// endpoint",
        text,
        "",
        "`ipc://` in the run directory",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for attribute, socket in (
            ("command_endpoint", "commands.sock"),
            ("event_endpoint", "events.sock"),
        ):
            if not getattr(self, attribute):
                object.__setattr__(self, attribute, f"ipc://{self.run_path / socket}")
        _check_endpoint("PB_COMMAND_ENDPOINT", self.command_endpoint)
        _check_endpoint("PB_EVENT_ENDPOINT", self.event_endpoint)
        self._check_exposure()

    def _check_exposure(self) -> None:
        if self.api_token is None and not is_loopback(self.api_host):
            raise refusal(
                "PB_API_HOST",
                self.api_host,
                "a loopback address unless PB_API_TOKEN is set: everybody who reaches the API "
                "could use it; set PB_API_TOKEN, or PB_API_HOST=127.0.0.1",
            )


def _check_endpoint(name: str, endpoint: str) -> None:
    scheme, _, address = endpoint.partition("://")
    if scheme == "ipc" and len(os.fsencode(address)) > MAX_IPC_PATH:
        takes = f"an ipc path of at most {MAX_IPC_PATH} bytes: set a shorter one"
        raise refusal(name, endpoint, takes)
    if scheme == "tcp" and not is_loopback(address.rpartition(":")[0]):
        raise refusal(name, endpoint, "tcp:// on loopback only: it has no access control")
    # An abstract Unix socket (ipc://@name) has no file, so nobody would be kept out.
    if scheme not in ("ipc", "tcp") or not address or address.startswith("@"):
        raise refusal(name, endpoint, "an ipc:// or loopback tcp:// endpoint")
