"""DoorBook: how much was asked for at the door, who was woken, and for how long who slept."""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime

import msgspec

from actors.door.routes import Counted
from bus.door import BOUNDS, DoorUse, quantile
from bus.events import Event, InstanceDeleted, InstanceRenamed, StatusChanged
from bus.metrics import Metrics
from bus.states import Status

REMEMBERED_WAKES, OF_EACH = 500, 50
"""So many wakes are remembered for their quantiles, of all users together and of each."""
_NOTHING = Counted(answers=(0,) * (len(BOUNDS) + 1))


class Entry(msgspec.Struct):
    """One user, or all together."""

    counted: Counted | None = None
    """None: nobody has counted."""
    seen: Counted = _NOTHING
    """What the door had counted when it was last looked at."""
    woken: int = 0
    wakes: deque[float] | None = None
    asleep: float = 0.0
    """Seconds of sleep, until ``asleep_since``."""
    asleep_since: datetime | None = None
    waking_since: datetime | None = None


class DoorBook:
    """From any thread. It begins with the manager; who is unused has no entry in it."""

    def __init__(self, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self._now = now
        self._lock = threading.Lock()
        self._all = Entry()
        self._forgotten = 0.0
        """Seconds for which those slept who are there no more."""
        self._entries: dict[str, Entry] = {}

    def count(self, user_id: str, now: Counted) -> None:
        """Take in what the door has counted of a user until ``now``."""
        with self._lock:
            entry = self._entries.setdefault(user_id, Entry())
            begun_anew = now.requests < entry.seen.requests
            more = _minus(now, _NOTHING if begun_anew else entry.seen)
            entry.seen = now
            entry.counted = _plus(entry.counted, more)
            self._all.counted = _plus(self._all.counted, more)

    def hear(self, event: Event) -> None:
        """Learn who falls asleep, and who is awake again."""
        match event:
            case StatusChanged():
                with self._lock:
                    self._note(event)
            case InstanceRenamed(user_id=user_id) | InstanceDeleted(user_id=user_id):
                with self._lock:
                    self._forget(user_id)

    def _forget(self, user_id: str) -> None:
        entry = self._entries.pop(user_id, None)
        if entry is not None:
            self._forgotten += self._asleep(entry)

    def _note(self, change: StatusChanged) -> None:
        entry = self._entries.get(change.user_id)
        if entry is None and Status.HIBERNATED not in (change.old, change.status):
            return  # who has never slept and was never asked for is not remembered
        entry = self._entries.setdefault(change.user_id, Entry())
        if change.status is Status.HIBERNATED:
            entry.asleep_since = change.at
        elif change.old is Status.HIBERNATED:
            entry.asleep = self._asleep(entry)
            entry.asleep_since = None
            entry.waking_since = change.at if change.status is Status.STARTING else None
        elif change.status is Status.RUNNING and entry.waking_since is not None:
            self._woken(entry, (change.at - entry.waking_since).total_seconds())
            entry.waking_since = None

    def _woken(self, entry: Entry, seconds: float) -> None:
        self._metrics.wake_seconds.observe(seconds)
        for each, most in ((entry, OF_EACH), (self._all, REMEMBERED_WAKES)):
            each.woken += 1
            if each.wakes is None:
                each.wakes = deque(maxlen=most)
            each.wakes.append(seconds)

    def use(self, user_id: str) -> DoorUse:
        """What is known of one user."""
        with self._lock:
            return self._use(self._entries.get(user_id, Entry()))

    def all(self) -> DoorUse:
        """What is known of all users together."""
        with self._lock:
            asleep = sum(self._asleep(entry) for entry in self._entries.values())
            return _use(self._all, asleep + self._forgotten)

    def busiest(self, limit: int) -> dict[str, DoorUse]:
        """Those users with the most requests, the busiest first."""
        with self._lock:
            found = heapq.nlargest(limit, self._entries.items(), key=lambda one: _requests(one[1]))
            return {user_id: self._use(entry) for user_id, entry in found}

    def counted(self) -> Counted | None:
        """All requests; None: nobody has counted."""
        with self._lock:
            return self._all.counted

    def uses(self) -> dict[str, DoorUse]:
        """What is known of each user."""
        with self._lock:
            return {user_id: self._use(entry) for user_id, entry in self._entries.items()}

    def _use(self, entry: Entry) -> DoorUse:
        return _use(entry, self._asleep(entry))

    def _asleep(self, entry: Entry) -> float:
        """Return for how many seconds it has slept, until now."""
        if entry.asleep_since is None:
            return entry.asleep
        return entry.asleep + max(0.0, (self._now() - entry.asleep_since).total_seconds())


def _requests(entry: Entry) -> int:
    return 0 if entry.counted is None else entry.counted.requests


def _use(entry: Entry, asleep: float) -> DoorUse:
    import statistics  # who looks at the door pays for it, not each launch

    wakes, counted = sorted(entry.wakes or ()), entry.counted
    use = DoorUse(
        wakes=entry.woken,
        wake_p50=statistics.median(wakes) if wakes else None,
        wake_p99=wakes[(99 * len(wakes) - 1) // 100] if wakes else None,
        asleep_seconds=round(asleep, 1),
    )
    if counted is None:
        return use
    known = {name: getattr(use, name) for name in use.__struct_fields__}
    return DoorUse(
        **known
        | {
            "requests": counted.requests,
            "errors": counted.errors,
            "failures": counted.failures,
            "hit_rate": _hit_rate(counted),
            "latency_p50": quantile(counted.answers, 0.5),
            "latency_p99": quantile(counted.answers, 0.99),
        }
    )


def _hit_rate(counted: Counted) -> float | None:
    return 1 - counted.waited / counted.requests if counted.requests else None


def _plus(one: Counted | None, other: Counted) -> Counted:
    return _combined(_NOTHING if one is None else one, other, 1)


def _minus(one: Counted, other: Counted) -> Counted:
    return _combined(one, other, -1)


def _combined(one: Counted, other: Counted, sign: int) -> Counted:
    return Counted(
        requests=one.requests + sign * other.requests,
        errors=one.errors + sign * other.errors,
        failures=one.failures + sign * other.failures,
        waited=one.waited + sign * other.waited,
        answers=tuple(
            mine + sign * its for mine, its in zip(one.answers, other.answers, strict=True)
        ),
    )
