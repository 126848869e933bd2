"""Timers: what one actor is to be told later."""

from __future__ import annotations

from collections.abc import Callable

from actors.clock import Clock, Timer
from actors.facts import RunFact


class Timers:
    """At most one timer per kind of fact: setting one again replaces the former."""

    def __init__(self, clock: Clock, tell: Callable[[RunFact], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._timers: dict[type[RunFact], Timer] = {}

    def start(self, delay: float, fact: RunFact) -> None:
        """Have ``fact`` told in ``delay`` seconds."""
        former = self._timers.pop(type(fact), None)
        if former is not None:
            former.cancel()
        self._timers[type(fact)] = self._clock.call_later(delay, lambda: self._tell(fact))

    def cancel_all(self) -> None:
        """Have nothing told. A fact already on its way still comes."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
