"""Answers: what an instance's PocketBase wrote."""

from __future__ import annotations

from bus.answers.base import Answer


class LogAnswer(Answer, frozen=True, kw_only=True, tag=True):
    """To ``ReadLog``: whole lines, and where to go on."""

    user_id: str
    text: str
    cursor: str
