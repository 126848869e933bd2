"""Limits: how much one user, or one caller, may ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api.gateway.refusals import busy

WINDOW = 10.0
"""Seconds over which requests are counted."""


class Rate:
    """At most so many of each key within a window."""

    def __init__(self, most: int, now: Callable[[], float]) -> None:
        self._most = most
        self._now = now
        self._began = now()
        self._counts: Counter[str] = Counter()

    def count(self, key: str) -> None:
        """Count one more; raise :class:`Refusal` when that is one too many."""
        if not self.take(key):
            raise busy()

    def take(self, key: str) -> bool:
        """Count one more; whether it is not one too many."""
        now = self._now()
        if now - self._began >= WINDOW:
            self._began = now
            self._counts.clear()
        self._counts[key] += 1
        return self._counts[key] <= self._most

    def give_back(self, key: str) -> None:
        """It was none, after all."""
        self._counts[key] -= self._counts[key] > 0


class Room:
    """At most so many of each key at the same time."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._inside: Counter[str] = Counter()

    @contextmanager
    def enter(self, key: str) -> Iterator[None]:
        """Be inside; raise :class:`Refusal` when there is no room."""
        if self._inside[key] >= self._most:
            raise busy()
        self._inside[key] += 1
        try:
            yield
        finally:
            self._inside[key] -= 1
            if not self._inside[key]:
                del self._inside[key]
