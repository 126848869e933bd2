"""What one actor is to be told later."""

from __future__ import annotations

from actors.clock import FakeClock
from actors.facts import HealthCheckDue, RetryDue, RunFact
from actors.timers import Timers


class Desk:
    """Timers, and what they have told."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.told: list[RunFact] = []
        self.timers = Timers(self.clock, self.told.append)


def test_a_fact_is_told_when_it_is_due() -> None:
    """Not before its delay is over, and once."""
    desk = Desk()
    desk.timers.start(5, RetryDue(run=1))
    desk.clock.advance(4)
    assert desk.told == []
    desk.clock.advance(10)
    assert desk.told == [RetryDue(run=1)]


def test_setting_a_timer_again_replaces_the_former() -> None:
    """Of each kind of fact only the one set last is told."""
    desk = Desk()
    desk.timers.start(5, RetryDue(run=1))
    desk.timers.start(8, RetryDue(run=2))
    assert desk.clock.due() == [8]
    desk.clock.advance(10)
    assert desk.told == [RetryDue(run=2)]


def test_kinds_do_not_replace_each_other() -> None:
    """Different facts have timers of their own."""
    desk = Desk()
    desk.timers.start(5, RetryDue(run=1))
    desk.timers.start(3, HealthCheckDue(run=1))
    desk.clock.advance(10)
    assert desk.told == [HealthCheckDue(run=1), RetryDue(run=1)]


def test_cancelling_all_leaves_none() -> None:
    """Nothing is told afterwards, and new timers may be set."""
    desk = Desk()
    desk.timers.start(5, RetryDue(run=1))
    desk.timers.start(3, HealthCheckDue(run=1))
    desk.timers.cancel_all()
    assert desk.clock.due() == []
    desk.timers.start(1, RetryDue(run=2))
    desk.clock.advance(10)
    assert desk.told == [RetryDue(run=2)]
