"""The only clock, and the one thread that waits so that no actor has to."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import logging
import math
import os
import selectors
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

LONGEST_REST = 3600.0
"""Seconds; epoll takes no more than 24 days at a time."""

log = logging.getLogger(__name__)


class Timer(Protocol):
    """Something that will happen later, unless cancelled."""

    def cancel(self) -> None:
        """Make it not happen. From any thread; too late is harmless."""


class Clock(Protocol):
    """What actors know of time."""

    def now(self) -> datetime:
        """The time of day, in UTC. It may jump."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call ``call`` in ``delay`` seconds. It must not block."""


def utc_now() -> datetime:
    """Return the time of day, in UTC."""
    return datetime.now(UTC)


def boottime() -> float:
    """Return seconds that only go forward, also while the machine is suspended.

    All processes of the machine read the same (clock_gettime(2), CLOCK_BOOTTIME).
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class _LoopTimer:
    __slots__ = ("call", "cancelled")

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True

    def fire(self) -> None:
        if not self.cancelled:
            self.call()


class LoopClock:
    """The real clock: one thread that waits for times and file descriptors, for all actors.

    Not asyncio: that loads OpenSSL, and wakes its thread for every timer that is set. Here it is
    woken only for one that comes before all others.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._selector.register(self._bell, selectors.EVENT_READ, None)
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._timers: list[tuple[float, int, _LoopTimer]] = []
        self._posted: deque[Callable[[], None]] = deque()
        self._awake_at = math.inf
        """When the thread goes on at the latest; it is ``-inf`` while it does not wait."""
        self._ends = self._closed = False
        self._thread = threading.Thread(target=self._run, name="clock")
        self._thread.start()

    def now(self) -> datetime:
        """The time of day, in UTC."""
        return utc_now()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call ``call`` on the clock's thread in ``delay`` seconds."""
        timer, at = _LoopTimer(call), time.monotonic() + delay
        with self._lock:
            heapq.heappush(self._timers, (at, next(self._numbers), timer))
            if at < self._awake_at:
                self._ring()
        return timer

    def post(self, call: Callable[[], None]) -> None:
        """Call ``call`` on the clock's thread, soon; in the order in which they are posted."""
        with self._lock:
            self._posted.append(call)
            if self._awake_at > -math.inf:
                self._ring()

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call ``call`` once, on the clock's thread, when ``fd`` can be read."""
        self.post(lambda: self.await_io(fd, selectors.EVENT_READ, call))

    def await_io(self, fd: int, events: int, call: Callable[[], None]) -> None:
        """Call ``call`` once one of :mod:`selectors`' ``events`` is there; on this thread only."""
        self._selector.register(fd, events, call)

    def look_away(self, fd: int) -> None:
        """Nothing is awaited of ``fd`` any more, before it is closed; on this thread only."""
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)

    def close(self) -> None:
        """End the thread, after what was posted; what was still to come does not happen."""
        self.post(self._end)
        self._thread.join()

    def _end(self) -> None:
        self._ends = True

    def _ring(self) -> None:
        """Wake the thread. The lock is held, so that nobody rings when all is closed."""
        if not self._closed:
            self._awake_at = -math.inf
            os.eventfd_write(self._bell, 1)

    def _run(self) -> None:
        while not self._ends:
            for key, _ in self._selector.select(self._rest()):
                if key.data is None:
                    os.eventfd_read(self._bell)
                elif self._selector.get_map().get(key.fd) is key:  # an earlier call may end it
                    self._selector.unregister(key.fd)
                    _call(key.data)
            for call in self._due():
                _call(call)
        with self._lock:
            self._closed = True
            self._selector.close()
            os.close(self._bell)

    def _rest(self) -> float | None:
        """How many seconds there is nothing to do; None: until somebody rings."""
        with self._lock:
            if self._posted:
                return 0
            self._awake_at = self._timers[0][0] if self._timers else math.inf
            if not self._timers:
                return None
            return min(LONGEST_REST, max(0.0, self._awake_at - time.monotonic()))

    def _due(self) -> list[Callable[[], None]]:
        """Take what was posted, and then the timers whose time has come."""
        with self._lock:
            self._awake_at = -math.inf
            calls = list(self._posted)
            self._posted.clear()
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                calls.append(heapq.heappop(self._timers)[2].fire)
        return calls


def _call(call: Callable[[], None]) -> None:
    """Call it; a bug in one call must not end the thread of all."""
    try:
        call()
    except Exception:
        log.exception("on the clock's thread")


class FakeClock:
    """A clock for tests: time stands still until :meth:`advance` moves it."""

    def __init__(self) -> None:
        self._time = 0.0
        self._lock = threading.Lock()
        self._numbers = itertools.count()
        self._timers: list[tuple[float, int, _LoopTimer]] = []

    def now(self) -> datetime:
        """The fake time of day."""
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self._time)

    def monotonic(self) -> float:
        """Seconds advanced so far."""
        return self._time

    def call_later(self, delay: float, call: Callable[[], None]) -> Timer:
        """Call ``call`` when :meth:`advance` comes past ``delay`` seconds from now."""
        timer = _LoopTimer(call)
        with self._lock:
            heapq.heappush(self._timers, (self._time + delay, next(self._numbers), timer))
        return timer

    def advance(self, seconds: float) -> None:
        """Move time on, calling what becomes due in its order."""
        end = self._time + seconds
        while self._timers and self._timers[0][0] <= end:
            with self._lock:
                at, _, timer = heapq.heappop(self._timers)
            self._time = at
            timer.fire()
        self._time = end

    def due(self) -> list[float]:
        """In how many seconds each timer that is not cancelled is due."""
        return sorted(at - self._time for at, _, timer in self._timers if not timer.cancelled)
