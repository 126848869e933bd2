"""Metrics: the registry of one house, and everything in it that is counted or timed.

Every series is there from the beginning, with 0: a counter that appears with its first failure
has no rate then, and no alert sees that failure.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, get_args

from bus.answers import ClusterAnswer
from bus.causes import Cause
from bus.events import AnyEvent
from bus.metrics.readings import DoorReading, FleetReading
from bus.metrics.series import Families
from bus.requests import AnyRequest

if TYPE_CHECKING:
    from prometheus_client.registry import Collector

    from bus.metrics.exposition import Exposition

SECONDS_OF_A_START = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
SECONDS_OF_A_STOP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SECONDS_OF_A_CHECK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 3.0)
SECONDS_OF_A_CALL = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

NO_CAUSE = "none"
"""The cause of what did not fail."""
UNMATCHED = "unmatched"
"""The route of a call that no route takes; whatever was asked for must not become a series."""


class Metrics:
    """What one house counts, by the names that Prometheus sees."""

    def __init__(self) -> None:
        self._families = Families()
        self._collectors: list[Callable[[], Collector]] = []
        self._exposition: Exposition | None = None
        self._lock = threading.Lock()
        self._add_starts(self._families)
        self._add_stops_and_checks(self._families)
        self._add_bus(self._families)
        self._add_http(self._families)
        self._add_backups(self._families)
        self._add_sleep(self._families)
        self._make_all_series()

    def _add_starts(self, families: Families) -> None:
        self.starts = families.counts(
            "pblm_starts", "Starts of instances that have ended, by how and why.", "result", "cause"
        )
        self.start_seconds = families.times(
            "pblm_start_duration_seconds",
            "From the wish to start an instance until it was ready, had failed or was called off.",
            "result",
            bounds=SECONDS_OF_A_START,
        )
        self.failures = families.counts(
            "pblm_failures",
            "Times that an instance failed, while it started or ran, by cause.",
            "cause",
        )
        self.restarts = families.count(
            "pblm_restarts", "Starts that the manager made by itself after a failure."
        )

    def _add_stops_and_checks(self, families: Families) -> None:
        self.stops = families.count("pblm_stops", "Instances stopped because it was asked for.")
        self.stop_seconds = families.time(
            "pblm_stop_duration_seconds",
            "From the wish to stop an instance until its process was gone.",
            bounds=SECONDS_OF_A_STOP,
        )
        self.health_checks = families.times(
            "pblm_health_check_duration_seconds",
            "Health checks of running instances.",
            "result",
            bounds=SECONDS_OF_A_CHECK,
        )
        self.actors_replaced = families.count(
            "pblm_actors_replaced", "Actors that a bug ended, and that were replaced."
        )

    def _add_bus(self, families: Families) -> None:
        self.bus_round_trips = families.times(
            "pblm_bus_round_trip_duration_seconds",
            "From a request of the API over the bus until its answer, by type of request.",
            "request",
            bounds=SECONDS_OF_A_CALL,
        )
        self.bus_requests = families.counts(
            "pblm_bus_requests",
            "Requests that were answered over the bus, of all clients.",
            "request",
            "result",
        )
        self.bus_refused = families.count(
            "pblm_bus_messages_refused", "Messages that are no request."
        )
        self.bus_outbox = families.level(
            "pblm_bus_outbox_length", "Answers that the hub has still to send."
        )
        self.events_published = families.counts(
            "pblm_events_published",
            "Events sent; those without a number only where somebody listens.",
            "event",
        )
        self.events_dropped = families.count(
            "pblm_events_dropped",
            "Events that ZeroMQ dropped on the way, as far as subscribers asked for them again.",
        )

    def _add_http(self, families: Families) -> None:
        self.http_requests = families.counts(
            "pblm_http_requests",
            "HTTP calls answered, by route and status code.",
            "method",
            "route",
            "code",
        )
        self.http_seconds = families.times(
            "pblm_http_request_duration_seconds",
            "HTTP calls, until the answer was ready to be sent.",
            "method",
            "route",
            bounds=SECONDS_OF_A_CALL,
        )
        self.http_waiting = families.level(
            "pblm_http_requests_waiting", "HTTP calls that wait for a thread."
        )
        self.http_followers = families.level(
            "pblm_http_followers", "HTTP calls that follow a log, or wait for one."
        )

    def _add_backups(self, families: Families) -> None:
        self.backups = families.counts(
            "pblm_backups", "Backups that were made, or could not be.", "result"
        )
        self.backup_proofs = families.counts(
            "pblm_backup_proofs", "Backups that PocketBase was tried on.", "result"
        )
        self.backup_oldest = families.level(
            "pblm_backup_oldest_seconds",
            "Age of the last good backup of the user for whom it is oldest, of those scheduled.",
        )

        self.backups_unsent = families.level(
            "pblm_backups_unsent", "Backups that are not yet at PB_BACKUP_URL."
        )

    def _add_sleep(self, families: Families) -> None:
        self.wake_seconds = families.time(
            "pblm_wake_duration_seconds",
            "From the wish to wake an instance until it was Running.",
            bounds=SECONDS_OF_A_START,
        )

        self.replica_lag = families.level(
            "pblm_replica_lag_seconds",
            "For how long the oldest change of any running instance waits to be in its replica.",
        )

    def _make_all_series(self) -> None:
        for result in ("started", "cancelled"):
            self.starts.labels(result, NO_CAUSE)
        for cause in Cause:
            self.starts.labels("failed", cause)
            self.failures.labels(cause)
        for result in ("started", "failed", "cancelled"):
            self.start_seconds.labels(result)
        for result in ("passed", "failed"):
            self.health_checks.labels(result)
            self.backup_proofs.labels(result)
        for result in ("made", "unchanged", "failed"):
            self.backups.labels(result)
        for request in get_args(AnyRequest):
            self.bus_round_trips.labels(request.__name__)
            for result in ("ok", "error"):
                self.bus_requests.labels(request.__name__, result)
        for event in get_args(AnyEvent):
            self.events_published.labels(event.__struct_config__.tag)

    def expect_http(self, calls: Iterable[tuple[str, str]], codes: Iterable[int]) -> None:
        """Make the series of all calls (method and route) with each of the status ``codes``."""
        for (method, route), code in itertools.product([*calls, ("GET", UNMATCHED)], [*codes]):
            self.http_requests.labels(method, route, str(code))
            self.http_seconds.labels(method, route)

    def read_fleet(self, read: Callable[[], FleetReading], *, per_instance: bool) -> None:
        """Have ``read`` called whenever the metrics are asked for, from any thread."""

        def make() -> Collector:
            from bus.metrics.collector import FleetCollector

            return FleetCollector(read, per_instance=per_instance)

        self._add_collector(make)

    def read_door(self, read: Callable[[], DoorReading], *, per_instance: bool) -> None:
        """Have ``read`` called whenever the metrics are asked for, from any thread."""

        def make() -> Collector:
            from bus.metrics.door import DoorCollector

            return DoorCollector(read, per_instance=per_instance)

        self._add_collector(make)

    def read_cluster(self, read: Callable[[], ClusterAnswer]) -> None:
        """Have ``read`` called whenever the metrics are asked for, from any thread."""

        def make() -> Collector:
            from bus.metrics.cluster import ClusterCollector

            return ClusterCollector(read)

        self._add_collector(make)

    def _add_collector(self, make: Callable[[], Collector]) -> None:
        with self._lock:
            self._collectors.append(make)
            self._exposition = None

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics, and the content type they have, out of those that are accepted.

        What makes the format is loaded when it is asked for the first time.
        """
        from bus.metrics.exposition import Exposition

        with self._lock:
            if self._exposition is None:
                self._exposition = Exposition(self._families, self._collectors)
            exposition = self._exposition
        return exposition.told(accept)
