"""Answers: rollouts."""

from __future__ import annotations

from bus.answers.base import Answer
from bus.rollout import Rollout


class RolloutAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``StartRollout``, ``GetRollout`` and ``CancelRollout``; null: there was never one."""

    rollout: Rollout | None
