"""The book of the door: what is counted, over the door's own restarts and a user's sleep."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from actors.door.book import DoorBook
from actors.door.routes import Counted
from bus.door import BOUNDS, quantile
from bus.events import InstanceRenamed, StatusChanged
from bus.metrics import Metrics
from bus.states import Status
from tests.bus.parts import NOW, instance

NOBODY = (0,) * len(BOUNDS)


class Clock:
    """Says what the test says."""

    def __init__(self) -> None:
        self.now: datetime = NOW

    def tell(self, book: DoorBook, old: Status, new: Status, *, after: float) -> None:
        """Have alice's status change after so many seconds."""
        self.now += timedelta(seconds=after)
        change = StatusChanged(
            at=self.now, user_id="alice", old=old, status=new, reason="", instance=instance()
        )
        book.hear(change)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def book(clock: Clock) -> DoorBook:
    return DoorBook(Metrics(), lambda: clock.now)


def seen(requests: int, waited: int = 0) -> Counted:
    return Counted(requests=requests, waited=waited, answers=(requests, *NOBODY))


def test_a_door_that_begins_anew_counts_on(book: DoorBook) -> None:
    """Less than before means that it was started again: all that it has counted is new."""
    for requests in (3, 5, 5, 2, 4):
        book.count("alice", seen(requests))
    book.count("bob", seen(1, waited=1))
    assert (book.use("alice").requests, book.use("bob").requests) == (9, 1)
    everybody = book.all()
    assert (everybody.requests, everybody.hit_rate) == (10, 0.9)
    assert list(book.busiest(1)) == ["alice"]


def test_sleep_is_counted_while_it_lasts(book: DoorBook, clock: Clock) -> None:
    """And a wake takes from the wish to the answer."""
    clock.tell(book, Status.STOPPING, Status.HIBERNATED, after=0)
    clock.now += timedelta(seconds=60)
    assert book.use("alice").asleep_seconds == book.all().asleep_seconds == 60
    clock.tell(book, Status.HIBERNATED, Status.STARTING, after=30)
    clock.tell(book, Status.STARTING, Status.RUNNING, after=0.25)
    use = book.use("alice")
    assert (use.asleep_seconds, use.wakes, use.wake_p50, use.wake_p99) == (90, 1, 0.25, 0.25)
    assert use.requests is None


def test_a_start_is_no_wake(book: DoorBook, clock: Clock) -> None:
    """Who was not asleep was not woken; who never slept is not remembered."""
    clock.tell(book, Status.STOPPED, Status.STARTING, after=0)
    clock.tell(book, Status.STARTING, Status.RUNNING, after=1)
    assert (book.use("alice").wakes, book.uses()) == (0, {})


def test_who_is_renamed_is_somebody_else(book: DoorBook, clock: Clock) -> None:
    """All together keep what there was of the former one."""
    book.count("alice", seen(3))
    clock.tell(book, Status.STOPPING, Status.HIBERNATED, after=0)
    clock.now += timedelta(seconds=5)
    renamed = InstanceRenamed(at=clock.now, user_id="alice", to="ann", instance=instance())
    book.hear(renamed)
    assert (book.use("alice").requests, book.uses()) == (None, {})
    assert (book.all().requests, book.all().asleep_seconds) == (3, 5)


@pytest.mark.parametrize(
    ("counts", "part", "bound"),
    [
        ((0,) * 9, 0.5, None),
        ((98, 0, 0, 2), 0.5, 0.001),
        ((98, 0, 0, 2), 0.99, 0.03),
        ((*NOBODY, 5), 0.5, None),
    ],
)
def test_a_quantile_is_the_step_that_it_is_under(
    counts: tuple[int, ...], part: float, bound: float | None
) -> None:
    """None: nobody was answered, or later than the last step."""
    assert quantile(counts, part) == bound
