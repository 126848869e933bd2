"""HealthWatch: looks after one running process, and counts the strikes against it."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable

from actors import proc
from actors.facts import HealthCheckDue, HealthChecked, Problem, RunFact
from actors.services import Services
from actors.timers import Timers
from bus.causes import Cause
from bus.errors import ProcessError

STRIKES = 3
"""So many health checks in a row must fail before a process that lives is given up."""
STRIKE_INTERVAL = 5.0
"""Seconds to the next check after a failed one; half the usual interval where that is less."""
STALL = 10.0
"""Seconds for which a process may answer nothing while it works or waits for its turn: longer than
the stall that PocketBase's own jobs cause on a full machine at every full hour."""
IDLE = 0.02
"""A process that is silent and takes no more of a core than this, nor waits for one, hangs."""
TOGETHER = 5.0
"""Checks that are so many seconds apart come on a whole second of the clock: to be woken for a few
at once costs the manager hardly more than for one."""

log = logging.getLogger(__name__)


class HealthWatch:
    """Belongs to the actor of the instance that it watches."""

    def __init__(
        self,
        user_id: str,
        services: Services,
        timers: Timers,
        tell: Callable[[RunFact], None],
        *,
        run: int,
        port: int,
        pid: int,
    ) -> None:
        self._user_id = user_id
        self._services = services
        self._timers = timers
        self._tell = tell
        self._run = run
        self._port = port
        self._pid = pid
        self._strikes = 0
        self._since = 0.0
        self._activity: float | None = None
        self._schedule(services.settings.health_interval)

    def check(self) -> None:
        """Look after the process now; the result comes as :class:`HealthChecked`."""
        run = self._run
        self._services.health.check(
            self._port, lambda problem: self._tell(HealthChecked(run=run, problem=problem))
        )

    def passed(self) -> None:
        """It answered."""
        self._strikes = 0
        self._schedule(self._services.settings.health_interval)

    def failed(self, problem: Problem) -> None:
        """It did not. Raises :class:`ProcessError` when that was once too often."""
        self._strikes += 1
        if self._strikes == 1:
            self._since = self._services.clock.monotonic()
            self._activity = proc.activity(proc.server(self._pid))
        what = problem.what
        log.warning("%s: health check failed, strike %d: %s", self._user_id, self._strikes, what)
        if self._strikes >= STRIKES and not (problem.silent and self._only_slow()):
            raise ProcessError(
                f"Process error: PocketBase failed {self._strikes} health checks in a row: {what}",
                cause=Cause.UNRESPONSIVE,
            )
        self._schedule(min(self._services.settings.health_interval / 2, STRIKE_INTERVAL))

    def _only_slow(self) -> bool:
        """Whether the process may be healthy, and short of CPU time."""
        silence = self._services.clock.monotonic() - self._since
        now = proc.activity(proc.server(self._pid))
        if silence >= STALL or now is None or self._activity is None:
            return silence < STALL
        return now - self._activity > IDLE * silence

    def _schedule(self, seconds: float) -> None:
        # Each has its own jitter: a fleet that was started together must not be checked together.
        delay = seconds * random.uniform(0.9, 1.1)
        if delay >= TOGETHER:
            now = self._services.clock.monotonic()
            delay = math.floor(now + delay) - now
        self._timers.start(delay, HealthCheckDue(run=self._run))
