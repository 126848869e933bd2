"""Every setting of the manager, read from the environment once."""

from __future__ import annotations

import functools
import ipaddress
import math
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bus.errors import SettingsError

MAX_IPC_PATH = 107
"""Longest path of a Unix socket on Linux, in bytes (``sockaddr_un``, unix(7))."""

SECRETS = frozenset({"PB_API_TOKEN", "PB_SUPERUSER_PASSWORD"})
"""Settings whose values are never shown."""


def _port(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 65535:
        raise ValueError
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= 86_400):
        raise ValueError
    return value


def _grace(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and value >= 0):
        raise ValueError
    return value


def _text(text: str) -> str:
    text.encode()  # a ValueError where the environment holds other bytes than UTF-8
    if not text.strip():
        raise ValueError
    return text


def _at_least(least: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if value < least:
            raise ValueError
        return value

    return parse


_count = _at_least(1)
_uid = _at_least(1000)
_memory = _at_least(128)
_open_files = _at_least(64)


def _isolation(text: str) -> str:
    if text not in ("none", "uid"):
        raise ValueError
    return text


def _on_exit(text: str) -> str:
    if text not in ("stop", "keep"):
        raise ValueError
    return text


def _email(text: str) -> str:
    name, _, domain = text.partition("@")
    if not name or "." not in domain or any(c.isspace() for c in text):
        raise ValueError
    return text


def _password(text: str) -> str:
    if not 8 <= len(text.encode()) <= 71:  # PocketBase's limits, and bcrypt's
        raise ValueError
    return text


def _directory(text: str) -> Path:
    try:
        return Path(_text(text)).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError from error


def _setting(
    name: str, takes: str, parse: Callable[[str], Any], default: Any, shown: str = ""
) -> Any:
    metadata = {"name": name, "takes": takes, "parse": parse, "shown": shown or str(default)}
    if callable(default):
        return field(default_factory=default, metadata=metadata)
    return field(default=default, metadata=metadata)


def find_pocketbase() -> str:
    """Return the ``pocketbase`` beside the running Python, else the one on ``PATH``."""
    beside = Path(sys.executable).with_name("pocketbase")
    if beside.exists():
        return str(beside)
    return shutil.which("pocketbase") or "pocketbase"


def _default_max_starting() -> int:
    return 2 * (os.cpu_count() or 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings; each field's metadata holds its variable and what it takes."""

    binary_path: str = _setting(
        "PB_BINARY_PATH",
        "the path of a PocketBase executable",
        _text,
        find_pocketbase,
        "the `pocketbase` beside the running Python, else on `PATH`",
    )
    base_port: int = _setting("PB_BASE_PORT", "a port from 1 to 65535", _port, 9000)
    port_range: int = _setting("PB_PORT_RANGE", "how many ports, from 1", _count, 1000)
    user_dbs_path: Path = _setting(
        "PB_USER_DBS_PATH", "a directory", _directory, Path("./user_dbs"), "./user_dbs"
    )
    template_path: Path | None = _setting(
        "PB_TEMPLATE_PATH", "a directory", _directory, None, "none"
    )
    superuser_email: str | None = _setting(
        "PB_SUPERUSER_EMAIL", "an e-mail address", _email, None, "none"
    )
    superuser_password: str | None = _setting(
        "PB_SUPERUSER_PASSWORD", "a text of 8 to 71 bytes", _password, None, "none"
    )
    isolation: str = _setting("PB_ISOLATION", "`none` or `uid`", _isolation, "none")
    uid_base: int = _setting("PB_UID_BASE", "a uid from 1000", _uid, 200_000)
    uid_range: int = _setting("PB_UID_RANGE", "how many, from 1", _count, 65_536)
    memory_limit_mib: int | None = _setting(
        "PB_MEMORY_LIMIT_MIB", "MiB, from 128", _memory, None, "none"
    )
    open_files_limit: int | None = _setting(
        "PB_OPEN_FILES_LIMIT", "how many, from 64", _open_files, None, "none"
    )
    api_host: str = _setting("PB_API_HOST", "an address or host name", _text, "127.0.0.1")
    api_port: int = _setting("PB_API_PORT", "a port from 1 to 65535", _port, 3000)
    api_token: str | None = _setting("PB_API_TOKEN", "a text", _text, None, "none")
    command_endpoint: str = _setting(
        "PB_COMMAND_ENDPOINT",
        "an ipc:// or loopback tcp:// endpoint",
        _text,
        "",
        "`ipc://` in the run directory",
    )
    event_endpoint: str = _setting(
        "PB_EVENT_ENDPOINT",
        "an ipc:// or loopback tcp:// endpoint",
        _text,
        "",
        "`ipc://` in the run directory",
    )
    health_interval: float = _setting("PB_HEALTH_INTERVAL", "seconds, more than 0", _seconds, 30.0)
    start_timeout: float = _setting("PB_START_TIMEOUT", "seconds, more than 0", _seconds, 15.0)
    stop_timeout: float = _setting("PB_STOP_TIMEOUT", "seconds, more than 0", _seconds, 5.0)
    max_starting: int = _setting(
        "PB_MAX_STARTING", "how many, from 1", _count, _default_max_starting, "2 x cores"
    )
    on_exit: str = _setting("PB_ON_EXIT", "`stop` or `keep`", _on_exit, "stop")
    disk_low_mib: int = _setting("PB_DISK_LOW_MIB", "how many MiB, from 1", _count, 1024)
    delete_grace: float = _setting(
        "PB_DELETE_GRACE", "seconds, from 0", _grace, 604_800.0, "604800 (7 days)"
    )
    start_queue: int = _setting("PB_START_QUEUE", "how many, from 1", _count, 1000)

    def __post_init__(self) -> None:
        object.__setattr__(self, "user_dbs_path", self.user_dbs_path.absolute())
        for attribute, socket in (
            ("command_endpoint", "commands.sock"),
            ("event_endpoint", "events.sock"),
        ):
            if not getattr(self, attribute):
                object.__setattr__(self, attribute, f"ipc://{self.run_path / socket}")
        if (self.superuser_email is None) != (self.superuser_password is None):
            raise SettingsError("PB_SUPERUSER_EMAIL and PB_SUPERUSER_PASSWORD: set both or neither")
        self._check_ports()
        self._check_endpoints()
        self._check_exposure()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; raise :class:`SettingsError` naming the variable that is wrong.

        A variable that is set to nothing counts as not set.
        """
        values = {}
        for each in fields(cls):
            text = environ.get(each.metadata["name"], "")
            if text:
                try:
                    values[each.name] = each.metadata["parse"](text)
                except ValueError:
                    name = each.metadata["name"]
                    shown = "(hidden)" if name in SECRETS else text
                    raise _refusal(name, shown, each.metadata["takes"]) from None
        return cls(**values)

    @property
    def control_path(self) -> Path:
        """The manager's own directory, beside the users' data directories."""
        return self.user_dbs_path / ".pblm"

    @property
    def run_path(self) -> Path:
        """Where the sockets are."""
        return self.control_path / "run"

    def _check_ports(self) -> None:
        if self.base_port + self.port_range > 65_536:
            raise _refusal(
                "PB_PORT_RANGE",
                str(self.port_range),
                f"at most {65_536 - self.base_port} with PB_BASE_PORT={self.base_port}",
            )

    def _check_endpoints(self) -> None:
        for name, endpoint in (
            ("PB_COMMAND_ENDPOINT", self.command_endpoint),
            ("PB_EVENT_ENDPOINT", self.event_endpoint),
        ):
            scheme, _, address = endpoint.partition("://")
            if scheme == "ipc" and len(os.fsencode(address)) > MAX_IPC_PATH:
                raise _refusal(
                    name,
                    endpoint,
                    f"an ipc path of at most {MAX_IPC_PATH} bytes: set a shorter one",
                )
            if scheme == "tcp" and not is_loopback(address.rpartition(":")[0]):
                raise _refusal(name, endpoint, "tcp:// on loopback only: it has no access control")
            # An abstract Unix socket (ipc://@name) has no file, so nobody would be kept out.
            if scheme not in ("ipc", "tcp") or not address or address.startswith("@"):
                raise _refusal(name, endpoint, "an ipc:// or loopback tcp:// endpoint")

    def _check_exposure(self) -> None:
        if self.api_token is None and not is_loopback(self.api_host):
            raise _refusal(
                "PB_API_HOST",
                self.api_host,
                "a loopback address unless PB_API_TOKEN is set: everybody who reaches the API "
                "could use it; set PB_API_TOKEN, or PB_API_HOST=127.0.0.1",
            )


@functools.lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether ``host`` names this machine only."""
    host = host.strip("[]").lower()
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _refusal(name: str, value: str, takes: str) -> SettingsError:
    return SettingsError(f"{name}={value!r}: takes {takes}")
