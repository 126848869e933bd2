"""A rollout as its users see it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class RolloutState(StrEnum):
    """Where a rollout stands."""

    RUNNING = "running"
    CANCELLING = "cancelling"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


ENDED = frozenset(RolloutState) - {RolloutState.RUNNING, RolloutState.CANCELLING}
"""The states that last."""


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """All running instances on their way to one PocketBase."""

    state: RolloutState
    reason: str
    """Why it has this state, in words."""
    version: str | None
    """The PocketBase that it is about; null: it does not tell."""
    binary: str
    """The beginning of its SHA-256, which is what it is known by."""
    former_version: str | None
    former_binary: str
    """What was the current one before."""
    canary: str | None
    wave: int
    max_failures: int
    settle_seconds: float
    started_at: datetime
    ended_at: datetime | None = None
    upgraded: int = 0
    """How many instances are served by it now that were not."""
    remaining: int = 0
    """How many running instances are still served by another one."""
    under_way: list[str] = []
    """Whose instances are being upgraded."""
    failures: dict[str, str] = {}
    """Whose could not be, and why."""
