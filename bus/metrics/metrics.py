"""Metrics: the registry of one house, and everything in it that is counted or timed.

Every series is there from the beginning, with 0: a counter that appears with its first failure
has no rate then, and no alert sees that failure.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from bus.answers import ClusterAnswer
from bus.causes import Cause
from bus.events import AnyEvent
from bus.metrics.cluster import ClusterCollector
from bus.metrics.collector import FleetCollector
from bus.metrics.door import DoorCollector
from bus.metrics.readings import DoorReading, FleetReading
from bus.requests import AnyRequest

SECONDS_OF_A_START = (0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0, 60.0)
SECONDS_OF_A_STOP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
SECONDS_OF_A_CHECK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 1.0, 3.0)
SECONDS_OF_A_CALL = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

NO_CAUSE = "none"
"""The cause of what did not fail."""
UNMATCHED = "unmatched"
"""The route of a call that no route takes; whatever was asked for must not become a series."""


# A second series for each counter, of which nobody would make use.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """What one house counts, by the names that Prometheus sees."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._add_starts(registry)
        self._add_stops_and_checks(registry)
        self._add_bus(registry)
        self._add_http(registry)
        self._add_backups(registry)
        self._add_sleep(registry)
        self._make_all_series()

    def _add_starts(self, registry: CollectorRegistry) -> None:
        self.starts = Counter(
            "pblm_starts",
            "Starts of instances that have ended, by how and why.",
            ["result", "cause"],
            registry=registry,
        )
        self.start_seconds = Histogram(
            "pblm_start_duration_seconds",
            "From the wish to start an instance until it was ready, had failed or was called off.",
            ["result"],
            buckets=SECONDS_OF_A_START,
            registry=registry,
        )
        self.failures = Counter(
            "pblm_failures",
            "Times that an instance failed, while it started or ran, by cause.",
            ["cause"],
            registry=registry,
        )
        self.restarts = Counter(
            "pblm_restarts",
            "Starts that the manager made by itself after a failure.",
            registry=registry,
        )

    def _add_stops_and_checks(self, registry: CollectorRegistry) -> None:
        self.stops = Counter(
            "pblm_stops", "Instances stopped because it was asked for.", registry=registry
        )
        self.stop_seconds = Histogram(
            "pblm_stop_duration_seconds",
            "From the wish to stop an instance until its process was gone.",
            buckets=SECONDS_OF_A_STOP,
            registry=registry,
        )
        self.health_checks = Histogram(
            "pblm_health_check_duration_seconds",
            "Health checks of running instances.",
            ["result"],
            buckets=SECONDS_OF_A_CHECK,
            registry=registry,
        )
        self.actors_replaced = Counter(
            "pblm_actors_replaced",
            "Actors that a bug ended, and that were replaced.",
            registry=registry,
        )

    def _add_bus(self, registry: CollectorRegistry) -> None:
        self.bus_round_trips = Histogram(
            "pblm_bus_round_trip_duration_seconds",
            "From a request of the API over the bus until its answer, by type of request.",
            ["request"],
            buckets=SECONDS_OF_A_CALL,
            registry=registry,
        )
        self.bus_requests = Counter(
            "pblm_bus_requests",
            "Requests that were answered over the bus, of all clients.",
            ["request", "result"],
            registry=registry,
        )
        self.bus_refused = Counter(
            "pblm_bus_messages_refused", "Messages that are no request.", registry=registry
        )
        self.bus_outbox = Gauge(
            "pblm_bus_outbox_length",
            "Answers and events that the hub has still to send.",
            registry=registry,
        )
        self.events_published = Counter(
            "pblm_events_published", "Events published.", ["event"], registry=registry
        )
        self.events_dropped = Counter(
            "pblm_events_dropped",
            "Events that ZeroMQ dropped on the way, as far as subscribers asked for them again.",
            registry=registry,
        )

    def _add_http(self, registry: CollectorRegistry) -> None:
        self.http_requests = Counter(
            "pblm_http_requests",
            "HTTP calls answered, by route and status code.",
            ["method", "route", "code"],
            registry=registry,
        )
        self.http_seconds = Histogram(
            "pblm_http_request_duration_seconds",
            "HTTP calls, until the answer was ready to be sent.",
            ["method", "route"],
            buckets=SECONDS_OF_A_CALL,
            registry=registry,
        )
        self.http_waiting = Gauge(
            "pblm_http_requests_waiting", "HTTP calls that wait for a thread.", registry=registry
        )
        self.http_followers = Gauge(
            "pblm_http_followers",
            "HTTP calls that follow a log, or wait for one.",
            registry=registry,
        )

    def _add_backups(self, registry: CollectorRegistry) -> None:
        self.backups = Counter(
            "pblm_backups",
            "Backups that were made, or could not be.",
            ["result"],
            registry=registry,
        )
        self.backup_proofs = Counter(
            "pblm_backup_proofs",
            "Backups that PocketBase was tried on.",
            ["result"],
            registry=registry,
        )
        self.backup_oldest = Gauge(
            "pblm_backup_oldest_seconds",
            "Age of the last good backup of the user for whom it is oldest, of those scheduled.",
            registry=registry,
        )

        self.backups_unsent = Gauge(
            "pblm_backups_unsent",
            "Backups that are not yet at PB_BACKUP_URL.",
            registry=registry,
        )

    def _add_sleep(self, registry: CollectorRegistry) -> None:
        self.wake_seconds = Histogram(
            "pblm_wake_duration_seconds",
            "From the wish to wake an instance until it was Running.",
            buckets=SECONDS_OF_A_START,
            registry=registry,
        )

        self.replica_lag = Gauge(
            "pblm_replica_lag_seconds",
            "For how long the oldest change of any running instance waits to be in its replica.",
            registry=registry,
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
        self._registry.register(FleetCollector(read, per_instance=per_instance))

    def read_door(self, read: Callable[[], DoorReading], *, per_instance: bool) -> None:
        """Have ``read`` called whenever the metrics are asked for, from any thread."""
        self._registry.register(DoorCollector(read, per_instance=per_instance))

    def read_cluster(self, read: Callable[[], ClusterAnswer]) -> None:
        """Have ``read`` called whenever the metrics are asked for, from any thread."""
        self._registry.register(ClusterCollector(read))

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """Return all metrics, and the content type they have, out of those that are accepted."""
        encoder, content_type = choose_encoder(accept)
        return encoder(self._registry), content_type
