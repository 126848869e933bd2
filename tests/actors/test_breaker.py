"""When many instances fail at once."""

from __future__ import annotations

import pytest

from actors.breaker import LEAST, SHARE, SLOWED, WINDOW, FleetBreaker
from actors.clock import FakeClock


class Fleet:
    """A breaker over a fleet of which ``running`` instances run."""

    def __init__(self, running: int = 0) -> None:
        self.clock = FakeClock()
        self.running = running
        self.opened: list[int] = []
        self.breaker = FleetBreaker(self.clock.monotonic, lambda: self.running, self.opened.append)

    def fail(self, count: int, *, first: int = 0) -> list[bool]:
        """Have so many distinct instances fail; tell which restarts are to be slow."""
        return [self.breaker.failed(f"user{number}") for number in range(first, first + count)]


def test_a_few_failures_are_nothing() -> None:
    """Fewer than five failures slow no restart."""
    fleet = Fleet()
    assert not any(fleet.fail(LEAST - 1))
    assert not fleet.opened


def test_many_at_once_slow_the_restarts() -> None:
    """The fifth failure within the window is slowed, and it is said how many there were."""
    fleet = Fleet()
    assert fleet.fail(LEAST)[-1]
    assert fleet.opened == [LEAST]


def test_it_is_said_once() -> None:
    """While restarts are slow, further failures are slowed without a word."""
    fleet = Fleet()
    fleet.fail(LEAST)
    assert all(fleet.fail(20, first=LEAST))
    assert fleet.opened == [LEAST]


def test_one_instance_that_fails_often_is_not_many() -> None:
    """Distinct instances are counted, not failures."""
    fleet = Fleet()
    assert not any(fleet.breaker.failed("alice") for _ in range(50))


def test_failures_far_apart_are_not_at_once() -> None:
    """What failed longer ago than the window does not count."""
    fleet = Fleet()
    for number in range(50):
        assert not fleet.breaker.failed(f"user{number}")
        fleet.clock.advance(WINDOW / (LEAST - 2))


def test_a_small_share_of_a_large_fleet_is_not_many() -> None:
    """Of a thousand that run, a handful may fail."""
    running = 1000
    fleet = Fleet(running)
    enough = round(SHARE * running / (1 - SHARE))
    assert not any(fleet.fail(enough - 1))
    assert fleet.fail(1, first=enough) == [True]


def test_restarts_are_slow_for_a_while_after_the_last() -> None:
    """A lone failure is slowed until the time after the last of many is over."""
    fleet = Fleet()
    fleet.fail(LEAST)
    fleet.clock.advance(SLOWED - 1)
    assert fleet.breaker.failed("alice")
    fleet.clock.advance(1)
    assert not fleet.breaker.failed("bob")


def test_each_wave_is_said() -> None:
    """When it has closed and many fail again, that is said again."""
    fleet = Fleet()
    for _ in range(2):
        fleet.fail(LEAST)
        fleet.clock.advance(SLOWED)
    assert fleet.opened == [LEAST, LEAST]


@pytest.mark.parametrize("running", [0, 10, 20])
def test_five_failures_always_matter_in_a_small_fleet(running: int) -> None:
    """Five of up to twenty-five are a fifth."""
    assert Fleet(running).fail(LEAST)[-1]
