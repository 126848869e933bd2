"""Schedule: whose backup is due. Pure, but for the moments that it remembers."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

JITTER = 0.1
"""By how much of the interval backups are spread, each user's always the same way."""
RETRY = 300.0
"""Seconds until a backup that failed is tried again, or the interval if that is shorter."""


class Schedule:
    """When each user's data were last known to be kept, and when it is tried again."""

    def __init__(self) -> None:
        self._good: dict[str, datetime] = {}
        self._failed: dict[str, datetime] = {}

    def good(self, user_id: str, at: datetime) -> None:
        """What the user had then is in a backup."""
        self._good[user_id] = at
        self._failed.pop(user_id, None)

    def failed(self, user_id: str, at: datetime) -> None:
        """A backup was tried then, and is not there."""
        self._failed[user_id] = at

    def forget(self, user_id: str) -> None:
        """There is no such user any more."""
        self._good.pop(user_id, None)
        self._failed.pop(user_id, None)

    def last_good(self, user_id: str) -> datetime | None:
        """As of when the user's data are in a backup."""
        return self._good.get(user_id)

    def due(self, user_id: str, interval: float, now: datetime) -> bool:
        """Whether it is time. After a long sleep of ours it is, at once."""
        if not interval:
            return False
        failed = self._failed.get(user_id)
        if failed is not None and _within(failed, min(RETRY, interval), now):
            return False
        good = self._good.get(user_id)
        return good is None or not _within(good, interval * (1 - JITTER * spread(user_id)), now)


def spread(user_id: str) -> float:
    """Return where between 0 and 1 the user falls."""
    digest = hashlib.sha256(user_id.encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


def _within(moment: datetime, seconds: float, now: datetime) -> bool:
    """Whether ``moment`` is less than ``seconds`` ago.

    One in the future, of a clock that was put back, says nothing.
    """
    return timedelta(0) <= now - moment < timedelta(seconds=seconds)
