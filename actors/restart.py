"""When to start again what has failed: pure, no clock, no process."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import msgspec


class RestartPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """Capped exponential back-off with jitter; all times in seconds.

    The first failure of an instance that was running is followed by a restart at once, the next
    ones wait twice as long each. From ``crash_loop`` failures on without ``proven`` seconds of
    health between them, it is a crash loop, tried again every ``slow`` seconds only.
    """

    first: float = 0.5
    factor: float = 2.0
    crash_loop: int = 6
    slow: float = 300.0
    jitter: float = 0.2
    """Each delay is longer or shorter by up to this share, so that a fleet does not go in step."""
    proven: float = 60.0
    """An instance that ran this long starts with a clean slate."""

    def delay(self, failures: int, *, was_running: bool) -> float:
        """Return how long to wait after the ``failures``-th failure in a row."""
        if was_running and failures == 1:
            return 0.0
        if self.is_crash_loop(failures):
            return self._jittered(self.slow)
        return self._jittered(min(self.slow, self.first * self.factor ** (failures - 1)))

    def is_crash_loop(self, failures: int) -> bool:
        """Whether so many failures in a row are a crash loop."""
        return failures >= self.crash_loop

    def outlook(self, failures: int, delay: float | None, now: datetime) -> str:
        """Say what follows so many failures in a row, ``delay`` seconds from ``now`` if at all."""
        if delay is None:
            return "not tried again before init_pb is called"
        if delay == 0:
            return "restarting now"
        when = f"next try at {now + timedelta(seconds=delay):%Y-%m-%dT%H:%M:%SZ}"
        if self.is_crash_loop(failures):
            return f"crash loop: {failures} failures in a row, {when}"
        return when

    def _jittered(self, seconds: float) -> float:
        return seconds * random.uniform(1 - self.jitter, 1 + self.jitter)
