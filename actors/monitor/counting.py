"""Counting: what becomes of the instances, counted as it is told to everybody."""

from __future__ import annotations

from collections.abc import Callable

from actors.services import Services
from bus.causes import Cause
from bus.events import ActorReplaced, Event, StatusChanged
from bus.metrics import Metrics
from bus.metrics.metrics import NO_CAUSE
from bus.states import Status


class Counting:
    """Hears every event, and counts. One user's events come one after another."""

    def __init__(self, services: Services) -> None:
        self._metrics: Metrics = services.metrics
        self._monotonic: Callable[[], float] = services.clock.monotonic
        self._began: dict[str, float] = {}
        """When each user's instance went to the status that it has, if that one does not last."""
        self._restarts = {record.user_id: record.restarts for record in services.store.records()}

    def hear(self, event: Event) -> None:
        """Count what happened."""
        match event:
            case StatusChanged():
                self._count(event)
            case ActorReplaced():
                self._metrics.actors_replaced.inc()

    def _count(self, change: StatusChanged) -> None:
        seconds = self._seconds(change)
        if change.old is Status.STARTING:
            self._start_ended(change, seconds)
        elif change.old is Status.STOPPING and change.status is Status.STOPPED:
            self._metrics.stops.inc()
            if seconds is not None:
                self._metrics.stop_seconds.observe(seconds)
        if change.status is Status.FAILED:
            self._metrics.failures.labels(_cause(change)).inc()
        restarts = change.instance.restarts
        self._metrics.restarts.inc(max(0, restarts - self._restarts.get(change.user_id, 0)))
        self._restarts[change.user_id] = restarts

    def _start_ended(self, change: StatusChanged, seconds: float | None) -> None:
        result, cause = "cancelled", NO_CAUSE
        if change.status is Status.RUNNING:
            result = "started"
        elif change.status is Status.FAILED:
            result, cause = "failed", str(_cause(change))
        self._metrics.starts.labels(result, cause).inc()
        if seconds is not None:
            self._metrics.start_seconds.labels(result).observe(seconds)

    def _seconds(self, change: StatusChanged) -> float | None:
        """Return for how long it had the old status; None: that is not known."""
        now = self._monotonic()
        began = self._began.pop(change.user_id, None)
        if change.status in (Status.STARTING, Status.STOPPING):
            self._began[change.user_id] = now
        return None if began is None else now - began


def _cause(change: StatusChanged) -> Cause:
    failure = change.instance.failure
    return Cause.UNKNOWN if failure is None else failure.cause
