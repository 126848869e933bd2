"""Answers about sleep."""

from __future__ import annotations

from bus.answers.base import Answer
from bus.sleep import SleepPolicy
from bus.states import Status


class SleepAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``GetSleep`` and ``PutSleepPolicy``."""

    policy: SleepPolicy
    status: Status
    idle_timeout: float | None
    """What holds for this user, in seconds; null: it is not put to sleep."""
    idle_seconds: float | None
    """How long there was no activity; null unless it is Running."""
    open_connections: int
    why: str
    """Why it is awake, or why it sleeps, in words."""
