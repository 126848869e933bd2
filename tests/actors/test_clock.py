"""The only clock, the real one and the one for tests."""

from __future__ import annotations

import os
import selectors
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from queue import SimpleQueue

import pytest

from actors.clock import FakeClock, LoopClock
from tests.actors.fakes import PATIENCE


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def flush(clock: LoopClock) -> None:
    """Return when what was asked of the clock's thread so far is done."""
    done = threading.Event()
    clock.call_later(0, done.set)
    assert done.wait(PATIENCE)


def test_a_timer_fires_on_the_clocks_thread(clock: LoopClock) -> None:
    """What is due is called on the one thread that waits."""
    called: SimpleQueue[str] = SimpleQueue()
    clock.call_later(0.001, lambda: called.put(threading.current_thread().name))
    assert called.get(timeout=PATIENCE) == "clock"


def test_timers_fire_in_the_order_of_their_times(clock: LoopClock) -> None:
    """The shorter delay comes first, whichever was asked for first."""
    called: SimpleQueue[str] = SimpleQueue()
    clock.call_later(0.05, lambda: called.put("late"))
    clock.call_later(0.001, lambda: called.put("early"))
    assert [called.get(timeout=PATIENCE) for _ in range(2)] == ["early", "late"]


def test_a_cancelled_timer_does_not_fire(clock: LoopClock) -> None:
    """Cancelling is in time until the call has begun."""
    called: SimpleQueue[str] = SimpleQueue()
    timer = clock.call_later(0.01, lambda: called.put("cancelled"))
    timer.cancel()
    clock.call_later(0.02, lambda: called.put("kept"))
    assert called.get(timeout=PATIENCE) == "kept"
    timer.cancel()
    assert called.empty()


def test_a_readable_descriptor_is_told_once(clock: LoopClock, pipe: tuple[int, int]) -> None:
    """What stays readable is not told again and again."""
    called: SimpleQueue[str] = SimpleQueue()
    clock.when_readable(pipe[0], lambda: called.put("readable"))
    os.write(pipe[1], b"xx")
    assert called.get(timeout=PATIENCE) == "readable"
    flush(clock)
    assert called.empty()


def test_a_silent_descriptor_is_not_told(clock: LoopClock, pipe: tuple[int, int]) -> None:
    """Nothing is called before there is something to read."""
    called: SimpleQueue[str] = SimpleQueue()
    clock.when_readable(pipe[0], lambda: called.put("readable"))
    flush(clock)
    assert called.empty()


def test_what_is_posted_comes_in_its_order(clock: LoopClock) -> None:
    """One thread calls it, in the order in which it was asked for."""
    called: SimpleQueue[tuple[str, int]] = SimpleQueue()
    for number in range(3):
        clock.post(lambda number=number: called.put((threading.current_thread().name, number)))  # type: ignore[misc]
    assert [called.get(timeout=PATIENCE) for _ in range(3)] == [("clock", n) for n in range(3)]


def test_a_call_that_fails_ends_nothing(
    clock: LoopClock, pipe: tuple[int, int], caplog: pytest.LogCaptureFixture
) -> None:
    """The thread of all goes on after a bug in one call, which is told."""

    def fail() -> None:
        raise ValueError("a bug")

    clock.post(fail)
    clock.call_later(0, fail)
    clock.when_readable(pipe[0], fail)
    os.write(pipe[1], b"x")
    called = threading.Event()
    clock.call_later(0.01, called.set)
    assert called.wait(PATIENCE)
    assert caplog.text.count("on the clock's thread") == 3


def test_who_looks_away_is_not_told(clock: LoopClock) -> None:
    """Of two that are there at once, the first may end what the second waits for."""
    called: SimpleQueue[str] = SimpleQueue()
    with socket.socketpair()[0] as one, socket.socketpair()[0] as other:
        pair = (one.fileno(), other.fileno())

        def first(here: int, there: int) -> None:
            called.put("told")
            clock.look_away(there)
            clock.look_away(here)

        def begin() -> None:
            for here, there in (pair, pair[::-1]):
                clock.await_io(here, selectors.EVENT_WRITE, lambda h=here, t=there: first(h, t))  # type: ignore[misc]

        clock.post(begin)
        assert called.get(timeout=PATIENCE) == "told"
        flush(clock)
    assert called.empty()


def test_an_earlier_timer_wakes_one_that_waits(clock: LoopClock) -> None:
    """A clock that waits for something far off is not late for what comes before."""
    called = threading.Event()
    clock.call_later(3600, lambda: None)
    flush(clock)
    clock.call_later(0.001, called.set)
    assert called.wait(PATIENCE)


def test_a_timer_of_years_ends_nothing(clock: LoopClock) -> None:
    """Nobody waits for it in one go: the system cannot."""
    clock.call_later(1e9, lambda: None)
    flush(clock)
    called = threading.Event()
    clock.call_later(0.001, called.set)
    assert called.wait(PATIENCE)


def test_time_goes_on(clock: LoopClock) -> None:
    """The time of day is UTC, and the steady one never goes back."""
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=60)
    assert clock.now().tzinfo is UTC
    assert clock.monotonic() <= clock.monotonic()


def test_closing_ends_the_thread_and_what_was_to_come() -> None:
    """After close there is no thread; what was posted before has come, and no timer does."""
    clock = LoopClock()
    called: SimpleQueue[str] = SimpleQueue()
    clock.call_later(3600, lambda: called.put("late"))
    clock.post(lambda: called.put("posted"))
    clock.close()
    assert called.get_nowait() == "posted"
    assert called.empty()
    assert "clock" not in {thread.name for thread in threading.enumerate()}


def test_a_closed_clock_is_harmless(pipe: tuple[int, int]) -> None:
    """Asking a clock that is closed does nothing, and closing it again neither."""
    clock = LoopClock()
    clock.close()
    clock.call_later(0, lambda: None).cancel()
    clock.when_readable(pipe[0], lambda: None)
    clock.post(lambda: None)
    clock.close()


def test_a_fake_clock_stands_still() -> None:
    """Without being advanced nothing happens."""
    clock = FakeClock()
    called: list[str] = []
    clock.call_later(0, lambda: called.append("now"))
    assert not called
    assert clock.monotonic() == 0
    assert clock.due() == [0]


def test_a_fake_clock_fires_what_comes_due_in_order() -> None:
    """Advancing calls each timer at its own time, equal ones as they were asked for."""
    clock = FakeClock()
    called: list[tuple[str, float]] = []
    for name, delay in (("c", 3.0), ("a", 1.0), ("b", 1.0), ("late", 9.0)):
        clock.call_later(delay, lambda name=name: called.append((name, clock.monotonic())))  # type: ignore[misc]
    clock.advance(5)
    assert called == [("a", 1.0), ("b", 1.0), ("c", 3.0)]
    assert clock.monotonic() == 5
    assert clock.now() - FakeClock().now() == timedelta(seconds=5)
    assert clock.due() == [4.0]


def test_a_fake_timer_may_set_another() -> None:
    """A timer set by a timer fires in the same advance when it is due."""
    clock = FakeClock()
    called: list[float] = []

    def again() -> None:
        called.append(clock.monotonic())
        clock.call_later(1, again)

    clock.call_later(1, again)
    clock.advance(3)
    assert called == [1, 2, 3]


def test_a_cancelled_fake_timer_is_not_due() -> None:
    """What was cancelled is neither called nor listed."""
    clock = FakeClock()
    called: list[str] = []
    clock.call_later(1, lambda: called.append("cancelled")).cancel()
    assert clock.due() == []
    clock.advance(2)
    assert not called
