"""FleetCollector: turns a reading of the fleet into metrics, at the moment it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bus.metrics.readings import FleetReading, InstanceReading
from bus.usage import Usage

Number = Callable[[InstanceReading], float | None]


def _of_usage(name: str) -> Number:
    return lambda one: getattr(one.usage, name) if isinstance(one.usage, Usage) else None


GAUGES: tuple[tuple[str, str, Number], ...] = (
    (
        "pblm_instance_start_time_seconds",
        "When the instance's process was started, in seconds since 1970.",
        lambda one: one.started_at,
    ),
    (
        "pblm_instance_memory_bytes",
        "The instance's share of the memory (PSS).",
        _of_usage("memory_bytes"),
    ),
    (
        "pblm_instance_connections",
        "Open TCP connections to the instance.",
        _of_usage("connections"),
    ),
    (
        "pblm_instance_data_bytes",
        "What the instance's data take on the disk.",
        _of_usage("data_bytes"),
    ),
)
COUNTERS: tuple[tuple[str, str, Number], ...] = (
    (
        "pblm_instance_cpu_seconds",
        "CPU time of the instance's process.",
        _of_usage("cpu_seconds"),
    ),
    (
        "pblm_instance_restarts",
        "How often the manager started the instance again by itself.",
        lambda one: one.restarts,
    ),
)
SUMS: tuple[tuple[str, str, str], ...] = (
    ("pblm_fleet_cpu_cores", "CPU that all instances took lately, in cores.", "cpu_percent"),
    ("pblm_fleet_memory_bytes", "Memory of all instances (PSS).", "memory_bytes"),
    ("pblm_fleet_connections", "Open TCP connections to all instances.", "connections"),
    ("pblm_fleet_data_bytes", "What the data of all instances take on the disk.", "data_bytes"),
)


class FleetCollector(Collector):
    """See the module."""

    def __init__(self, read: Callable[[], FleetReading], *, per_instance: bool) -> None:
        """``per_instance``: also some series for each instance, not only for all together."""
        self._read = read
        self._per_instance = per_instance

    def describe(self) -> list[Metric]:
        """Nothing: what there is, is known only when it is read."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Read, and tell."""
        fleet = self._read()
        yield from _of_fleet(fleet)
        yield from _sums(fleet.instances)
        if self._per_instance:
            yield from _of_instances(fleet.instances)


def _of_fleet(fleet: FleetReading) -> Iterator[Metric]:
    info = GaugeMetricFamily(
        "pblm_build_info", "Always 1.", labels=["version", "pocketbase_version"]
    )
    info.add_metric([fleet.version, fleet.pocketbase_version], 1)
    yield info
    instances = GaugeMetricFamily("pblm_instances", "Instances by status.", labels=["status"])
    for status, count in fleet.statuses.items():
        instances.add_metric([status], count)
    yield instances
    mailboxes = GaugeMetricFamily(
        "pblm_actor_mailbox_length", "Messages that wait for an actor.", labels=["actor"]
    )
    for actor, length in fleet.mailboxes.items():
        mailboxes.add_metric([actor], length)
    yield mailboxes
    for name, what, value in (
        ("pblm_instances_wanted", "Instances that are to run.", fleet.wanted),
        ("pblm_starts_under_way", "Instances that start right now.", fleet.starts_under_way),
        ("pblm_starts_waiting", "Instances that wait for their turn.", fleet.starts_waiting),
        ("pblm_disk_free_bytes", "Free room for the users' data.", fleet.disk_free_bytes),
        ("pblm_disk_low", "1: less is free than PB_DISK_LOW_MIB.", fleet.disk_low),
    ):
        yield GaugeMetricFamily(name, what, value)


def _sums(instances: list[InstanceReading]) -> Iterator[Metric]:
    usages = [one.usage for one in instances if one.usage is not None]
    for name, what, field in SUMS:
        total = sum(getattr(usage, field) or 0 for usage in usages)
        yield GaugeMetricFamily(name, what, total / 100 if field == "cpu_percent" else total)


def _of_instances(instances: list[InstanceReading]) -> Iterator[Metric]:
    status = GaugeMetricFamily(
        "pblm_instance_status", "1: the instance has this status.", labels=["user_id", "status"]
    )
    failure = GaugeMetricFamily(
        "pblm_instance_failure",
        "1: the instance failed for this cause, and has not run since.",
        labels=["user_id", "cause"],
    )
    for one in instances:
        status.add_metric([one.user_id, one.status], 1)
        if one.cause is not None:
            failure.add_metric([one.user_id, one.cause], 1)
    yield status
    yield failure
    for family, table in ((GaugeMetricFamily, GAUGES), (CounterMetricFamily, COUNTERS)):
        for name, what, number in table:
            metric = family(name, what, labels=["user_id"])
            for one in instances:
                value = number(one)
                if value is not None:
                    metric.add_metric([one.user_id], value)
            yield metric
