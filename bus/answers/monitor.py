"""Answers: what was measured, and what has been."""

from __future__ import annotations

from datetime import datetime

import msgspec

from bus.answers.base import Answer
from bus.history import Transition
from bus.states import Status
from bus.usage import Machine, ManagerProcess, Usage, UsagePoint


class HostFleet(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of one host of a cluster."""

    statuses: dict[Status, int]
    cpu_percent: float
    memory_bytes: int
    connections: int
    data_bytes: int
    machine: Machine
    manager: ManagerProcess


class FleetAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetFleet``. What instances take is summed up over those that have a process."""

    at: datetime
    statuses: dict[Status, int]
    """How many instances are in each status; every status is there."""
    wanted: int
    """How many are to run."""
    starts_under_way: int
    starts_waiting: int
    cpu_percent: float
    memory_bytes: int
    connections: int
    data_bytes: int
    """Of all instances, also of those without a process."""
    machine: Machine
    manager: ManagerProcess
    hosts: dict[str, HostFleet] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: each host by itself. ``machine`` and ``manager`` are those of the host that
    answers, the rest is of all that answer together."""
    unreachable_hosts: list[str] | msgspec.UnsetType = msgspec.UNSET
    """In a cluster: those that did not answer."""


class UsageAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetUsage``: the latest look, and the curves, oldest point first."""

    user_id: str
    interval: float
    """Seconds between two looks."""
    usage: Usage | None
    points: list[UsagePoint]


class HistoryAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetHistory``: the latest transitions, oldest first."""

    user_id: str
    transitions: list[Transition]
