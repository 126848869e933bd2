"""What an instance takes of its machine, as it was measured."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """One look at an instance.

    Of one that has no process, only ``data_bytes`` is known, and it is as old as what it says.
    """

    sampled_at: datetime
    uptime_seconds: float | None = None
    """Since its process was started."""
    cpu_percent: float | None = None
    """Of one core, since the look before; at the first look, since the process was started."""
    cpu_seconds: float | None = None
    """CPU time that its process has taken since it was started."""
    memory_bytes: int | None = None
    """Its share of the memory (PSS): what all instances share is divided among them."""
    connections: int | None = None
    """TCP connections that are open to its port."""
    data_bytes: int | None = None
    """What its data directory takes on the disk; null: not measured yet."""


class UsagePoint(msgspec.Struct, frozen=True, kw_only=True):
    """A point of the curves of one instance."""

    at: datetime
    cpu_percent: float | None
    memory_bytes: int | None
    connections: int | None


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What the machine has."""

    cores: int
    memory_bytes: int
    memory_available_bytes: int
    """What can still be given to processes without swapping."""
    disk_free_bytes: int
    """Where the users' data lie."""


class ManagerProcess(msgspec.Struct, frozen=True, kw_only=True):
    """What the manager itself takes; the instances' processes do not count."""

    pid: int
    uptime_seconds: float
    cpu_percent: float
    """Of one core, since the look before."""
    memory_bytes: int
    """As the instances': PSS."""
    pocketbase_version: str | None
