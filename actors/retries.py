"""Retries: how often one instance has failed in a row, and when it is tried again."""

from __future__ import annotations

import random

from actors import breaker
from actors.services import Services
from bus.causes import REMEDY, Remedy
from bus.errors import StartError


class Retries:
    """Belongs to the user's actor."""

    def __init__(self, user_id: str, services: Services) -> None:
        self._user_id = user_id
        self._services = services
        self._failures = 0
        self._due: float | None = None

    def forget(self) -> None:
        """It begins with a clean slate."""
        self._failures = 0

    def cancel(self) -> None:
        """None is due any more."""
        self._due = None

    def failed(self, error: StartError, *, was_running: bool) -> float | None:
        """Count a failure; return in how many seconds it is tried again.

        None: not before somebody asks for it.
        """
        self._failures += 1
        delay = self._delay(error, was_running=was_running)
        self._due = None if delay is None else self._services.clock.monotonic() + delay
        return delay

    def due_in(self) -> float | None:
        """In how many seconds the next try is due; None: no try is."""
        now = self._services.clock.monotonic()
        return None if self._due is None else max(0.0, self._due - now)

    def outlook(self, delay: float | None) -> str:
        """What is said of ``delay`` to people."""
        now = self._services.clock.now()
        return self._services.policy.outlook(self._failures, delay, now)

    def _delay(self, error: StartError, *, was_running: bool) -> float | None:
        slowed = was_running and self._services.breaker.failed(self._user_id)
        if REMEDY[error.failure.cause] is Remedy.PERSON:
            return None
        delay = self._services.policy.delay(self._failures, was_running=was_running)
        return max(delay, random.uniform(1.0, breaker.SPREAD)) if slowed else delay
