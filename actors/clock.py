"""The only clock, and the one thread that waits so that no actor has to."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

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
    """The real clock: an asyncio loop in a thread of its own, shared by all actors.

    Besides timers it watches file descriptors and runs the coroutines that wait for instances to
    become ready.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
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
        timer = _LoopTimer(call)
        self._post(self._loop.call_later, delay, timer.fire)
        return timer

    def when_readable(self, fd: int, call: Callable[[], None]) -> None:
        """Call ``call`` once, on the clock's thread, when ``fd`` can be read."""

        def ready() -> None:
            self._loop.remove_reader(fd)
            call()

        self._post(self._loop.add_reader, fd, ready)

    def run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run ``coroutine`` on the clock's thread."""
        try:
            asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        except RuntimeError:
            coroutine.close()  # the clock is closed

    def close(self) -> None:
        """End the thread; what was still to come does not happen."""
        self._post(self._loop.stop)
        self._thread.join()

    def _post(self, call: Callable[..., object], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            log.debug("asked of a clock that is closed")

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()


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
