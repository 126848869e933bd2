"""Answers about the use of the door."""

from __future__ import annotations

from bus.answers.base import Answer
from bus.door import DoorUse


class DoorAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetDoor``."""

    door: str
    """As ``PB_DOOR`` has it."""
    use: DoorUse
    """Of all users together."""
    asleep: int
    """How many instances sleep."""
    memory_saved_bytes: int | None
    """What these would take if they were like those that run; null: it is not known."""
    users: dict[str, DoorUse]
    """Those with the most requests, the busiest first."""


class DoorUseAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetDoorUse``."""

    use: DoorUse
