"""Answers: the manager itself."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.answers.base import Answer
from bus.events import NumberedEvent


class HostHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How one host of a cluster is."""

    total_instances: int
    running_instances: int
    disk_free_bytes: int
    disk_low: bool
    fenced: str | None = None
    """Why it is not in its cluster now, and runs nobody; null: it is."""


class HealthAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetHealth``."""

    total_instances: int
    running_instances: int
    disk_free_bytes: int = 0
    disk_low: bool = False
    at: datetime
    registry_problem: str | None = None
    """Why the registry cannot be written; null: it can, or nobody tried."""
    fenced: str | msgspec.UnsetType | None = msgspec.UNSET
    """In a cluster: why this host is not in it now, and runs nobody; null: it is."""
    hosts: dict[str, HostHealth] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: each host by itself; the rest is of all that answer together."""
    unreachable_hosts: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: those that did not answer."""


class EventsAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetEvents``.

    With ``complete=False`` some of the events are no longer kept (or the epoch is another one):
    the asker takes a fresh picture with ``ListInstances`` and goes on after ``head``.
    """

    epoch: str
    head: int
    complete: bool
    events: list[NumberedEvent]
