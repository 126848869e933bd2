"""FleetBreaker: when many instances fail at once, something else is wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable

WINDOW = 10.0
"""Failures within so many seconds count as at once."""
LEAST = 5
"""Fewer failures than this are never many."""
SHARE = 0.2
"""Nor are fewer than this share of the instances that run."""
SLOWED = 30.0
"""So many seconds after the last of many failures, restarts are slow."""
SPREAD = 15.0
"""Slowed restarts wait for up to so many seconds more."""


class FleetBreaker:
    """Counts the instances that fail. From any thread.

    A full disk, an exhausted table of processes, a stalled machine: starting hundreds of
    instances again at once makes each of them worse.
    """

    def __init__(
        self,
        monotonic: Callable[[], float],
        running: Callable[[], int],
        opened: Callable[[int], None],
    ) -> None:
        """``opened`` is told the number of failures when restarts begin to be slow."""
        self._monotonic = monotonic
        self._running = running
        self._opened = opened
        self._lock = threading.Lock()
        self._failures: dict[str, float] = {}
        self._slow_until = 0.0

    def failed(self, user_id: str) -> bool:
        """Count a failure of the user's instance; return whether its restart is to be slow."""
        with self._lock:
            now = self._monotonic()
            self._failures[user_id] = now
            for user, at in list(self._failures.items()):
                if at < now - WINDOW:
                    del self._failures[user]
            count = len(self._failures)
            many = count >= max(LEAST, SHARE * (self._running() + count))
            opens = many and now >= self._slow_until
            if many:
                self._slow_until = now + SLOWED
            slow = now < self._slow_until
        if opens:
            self._opened(count)
        return slow
