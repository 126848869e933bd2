"""What is read when somebody asks for the metrics: numbers that nobody has to count."""

from __future__ import annotations

import msgspec

from bus.causes import Cause
from bus.door import DoorUse
from bus.states import Status
from bus.usage import Usage


class InstanceReading(msgspec.Struct, frozen=True, kw_only=True):
    """One instance."""

    user_id: str
    status: Status
    cause: Cause | None
    """Why it failed, while that is on record."""
    restarts: int
    started_at: float | None
    """In seconds since 1970; None: it has no process."""
    usage: Usage | None


class FleetReading(msgspec.Struct, frozen=True, kw_only=True):
    """All instances, and what they have in common."""

    version: str
    pocketbase_version: str
    statuses: dict[Status, int]
    wanted: int
    starts_under_way: int
    starts_waiting: int
    disk_free_bytes: int
    disk_low: bool
    mailboxes: dict[str, int]
    """How many messages wait in the mailbox of each actor."""
    instances: list[InstanceReading]


class DoorReading(msgspec.Struct, frozen=True, kw_only=True):
    """The door, and who slept."""

    requests: int
    errors: int
    failures: int
    waited: int
    answers: tuple[int, ...]
    """How many took at most as long as each of :data:`bus.door.BOUNDS`; the last: longer."""
    asleep_seconds: float
    memory_saved_bytes: int
    users: dict[str, DoorUse]
