"""Settings: several hosts that share their users, with etcd and a replica of every database."""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bus.settings.fields import (
    at_least,
    count,
    directory,
    grace,
    port,
    refusal,
    seconds,
    setting,
    text,
)
from bus.settings.instances import InstanceSettings
from bus.settings.replication import ReplicationSettings, url

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def name(value: str) -> str:
    """Read a name of letters, digits, dots, hyphens and underscores."""
    if not _NAME.fullmatch(value):
        raise ValueError
    return value


def address(value: str) -> str:
    """Read a numeric address, IPv6 in brackets: the door of another host looks up no names.

    With a name HAProxy would connect to a port of its own host, which is somebody else's.
    """
    ipaddress.ip_address(value.removeprefix("[").removesuffix("]"))
    return value


def urls(value: str) -> tuple[str, ...]:
    """Read where the members of etcd are."""
    return tuple(url(each.strip()).rstrip("/") for each in value.split(","))


def _host() -> str:
    return socket.gethostname().partition(".")[0] or "localhost"


@dataclass(frozen=True, kw_only=True)
class ClusterSettings(ReplicationSettings, InstanceSettings):
    """See the module. Without ``PB_CLUSTER_ETCD`` there is one host, and nothing of this."""

    TITLE: ClassVar[str] = "Cluster"

    cluster_etcd: tuple[str, ...] = setting(
        "PB_CLUSTER_ETCD", "URLs of etcd's members, with commas between them", urls, (), "none"
    )
    cluster_name: str = setting("PB_CLUSTER_NAME", "a name", name, "pblm")
    cluster_host: str = setting("PB_CLUSTER_HOST", "a name", name, _host, "the host name")
    cluster_address: str = setting(
        "PB_CLUSTER_ADDRESS", "a numeric IP address", address, "127.0.0.1"
    )
    cluster_bus_port: int = setting("PB_CLUSTER_BUS_PORT", "a port from 1 to 65535", port, 7001)
    cluster_events_port: int = setting(
        "PB_CLUSTER_EVENTS_PORT", "a port from 1 to 65535", port, 7002
    )
    cluster_capacity: int = setting("PB_CLUSTER_CAPACITY", "a weight, from 1", count, 100)
    cluster_ttl: int = setting("PB_CLUSTER_TTL", "seconds, from 3", at_least(3), 20)
    cluster_margin: float = setting("PB_CLUSTER_MARGIN", "seconds, more than 0", seconds, 4.0)
    cluster_max_lag: float | None = setting(
        "PB_CLUSTER_MAX_LAG", "seconds, more than 0", seconds, None, "none"
    )
    cluster_restores: int = setting("PB_CLUSTER_RESTORES", "how many, from 1", count, 4)
    cluster_lost_found: float = setting(
        "PB_CLUSTER_LOST_FOUND", "seconds, from 0", grace, 604_800.0, "604800 (7 days)"
    )
    etcd_ca: Path | None = setting("PB_ETCD_CA", "a PEM file", directory, None, "none")
    etcd_certificate: Path | None = setting(
        "PB_ETCD_CERTIFICATE", "a PEM file", directory, None, "none"
    )
    etcd_key: Path | None = setting("PB_ETCD_KEY", "a PEM file", directory, None, "none")
    etcd_user: str | None = setting("PB_ETCD_USER", "a text", text, None, "none")
    etcd_password: str | None = setting(
        "PB_ETCD_PASSWORD", "a text", text, None, "none", secret=True
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.cluster_etcd:
            return
        if self.replica_url is None:
            takes = "PB_REPLICA_URL beside it: a lost host's users are restored from there"
            raise refusal("PB_CLUSTER_ETCD", ",".join(self.cluster_etcd), takes)
        if self.on_exit != "stop":
            takes = "`stop` with PB_CLUSTER_ETCD: whoever is not watched may run elsewhere"
            raise refusal("PB_ON_EXIT", self.on_exit, takes)
        if self.cluster_margin * 2 >= self.cluster_ttl:
            takes = f"less than half of PB_CLUSTER_TTL={self.cluster_ttl}"
            raise refusal("PB_CLUSTER_MARGIN", f"{self.cluster_margin:g}", takes)
        if (self.etcd_user is None) != (self.etcd_password is None):
            raise refusal("PB_ETCD_USER", str(self.etcd_user), "PB_ETCD_PASSWORD beside it")
        if (self.etcd_certificate is None) != (self.etcd_key is None):
            shown = str(self.etcd_certificate)
            raise refusal("PB_ETCD_CERTIFICATE", shown, "PB_ETCD_KEY beside it")
