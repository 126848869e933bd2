"""DoorCollector: turns a reading of the door into metrics, at the moment it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from bus.door import BOUNDS
from bus.metrics.readings import DoorReading

OF_EACH = (
    ("pblm_instance_door_requests", "Requests for the instance at the door.", "requests"),
    ("pblm_instance_wakes", "How often the instance was woken.", "wakes"),
    ("pblm_instance_asleep_seconds", "How long the instance has slept.", "asleep_seconds"),
)


class DoorCollector(Collector):
    """See the module."""

    def __init__(self, read: Callable[[], DoorReading], *, per_instance: bool) -> None:
        """``per_instance``: also some series for each instance that was used or has slept."""
        self._read = read
        self._per_instance = per_instance

    def describe(self) -> list[Metric]:
        """Nothing: what there is, is known only when it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read, and tell."""
        door = self._read()
        yield from _of_all(door)
        if self._per_instance:
            for name, what, field in OF_EACH:
                metric = CounterMetricFamily(name, what, labels=["user_id"])
                for user_id, use in door.users.items():
                    metric.add_metric([user_id], getattr(use, field) or 0)
                yield metric


def _of_all(door: DoorReading) -> Iterator[Metric]:
    for name, what, value in (
        ("pblm_door_requests", "Requests for users at the door.", door.requests),
        (
            "pblm_asleep_seconds",
            "How long instances have slept, all together.",
            door.asleep_seconds,
        ),
        ("pblm_door_requests_waited", "Of them, those that found nobody awake.", door.waited),
    ):
        yield CounterMetricFamily(name, what, value)
    failed = CounterMetricFamily(
        "pblm_door_requests_failed",
        "Of them, those answered with 4xx and with 5xx.",
        labels=["code"],
    )
    failed.add_metric(["4xx"], door.errors)
    failed.add_metric(["5xx"], door.failures)
    yield failed
    yield _latencies(door)
    yield GaugeMetricFamily(
        "pblm_sleep_memory_saved_bytes",
        "What those who sleep would take if they were like those that run.",
        door.memory_saved_bytes,
    )


def _latencies(door: DoorReading) -> Metric:
    bounds = [*map(str, BOUNDS), "+Inf"]
    counts = accumulate(door.answers or (0,) * len(bounds))
    latencies = HistogramMetricFamily(
        "pblm_door_request_duration_seconds",
        "From a request at the door until its answer began, a wake included.",
    )
    latencies.add_metric([], list(zip(bounds, counts, strict=True)), sum_value=None)
    return latencies
