"""A reading of a fleet, as the monitor would give it, and metrics as Prometheus reads them."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bus.answers import ClusterAnswer, ClusterHost
from bus.causes import Cause
from bus.door import DoorUse
from bus.metrics import DoorReading, FleetReading, InstanceReading, Metrics
from bus.states import Status
from bus.usage import Usage
from tests.bus.parts import NOW

USAGE = Usage(
    sampled_at=NOW,
    uptime_seconds=9.0,
    cpu_percent=50.0,
    cpu_seconds=1.5,
    memory_bytes=7_000_000,
    connections=2,
    data_bytes=300_000,
)
FLEET = FleetReading(
    version="1.2.3",
    pocketbase_version="0.40.6",
    statuses=dict.fromkeys(Status, 0) | {Status.RUNNING: 1, Status.FAILED: 1},
    wanted=2,
    starts_under_way=1,
    starts_waiting=3,
    disk_free_bytes=10_000,
    disk_low=True,
    mailboxes={"Supervisor": 4},
    instances=[
        InstanceReading(
            user_id="alice",
            status=Status.RUNNING,
            cause=None,
            restarts=2,
            started_at=1_700_000_000.0,
            usage=USAGE,
        ),
        InstanceReading(
            user_id='b"ob',
            status=Status.FAILED,
            cause=Cause.DATA_CORRUPT,
            restarts=0,
            started_at=None,
            usage=None,
        ),
    ],
)

DOOR = DoorReading(
    requests=100,
    errors=5,
    failures=1,
    waited=20,
    answers=(50, 20, 0, 0, 20, 4, 0, 0, 0),
    asleep_seconds=99.5,
    memory_saved_bytes=70_000_000,
    users={"alice": DoorUse(requests=60, wakes=3, asleep_seconds=12.5)},
)

CLUSTER = ClusterAnswer(
    name="tests",
    host="h1",
    hosts={
        "h1": ClusterHost(
            member=True,
            heard=True,
            users=2,
            capacity=100,
            draining=False,
            version="1",
            http="http://h1",
        ),
        "h2": ClusterHost(
            member=True,
            heard=False,
            users=3,
            capacity=100,
            draining=False,
            version="1",
            http="http://h2",
        ),
    },
    users=5,
    states={"running": 5},
    problems={"alice": "It cannot be restored"},
    warnings=[],
)


def families(metrics: Metrics) -> list[Metric]:
    """Return what the official parser makes of the exposition."""
    text, content_type = metrics.exposition("text/plain")
    assert content_type.startswith("text/plain; version=0.0.4")
    return list(text_string_to_metric_families(text.decode()))


def value(of: Metrics | list[Metric], name: str, **labels: str) -> float:
    """Return the value of one series; there must be exactly one with these labels.

    Who asks for many reads the :func:`families` once.
    """
    found = [
        sample.value
        for family in (of if isinstance(of, list) else families(of))
        for sample in family.samples
        if sample.name == name and sample.labels == labels
    ]
    assert len(found) == 1, f"{name}{labels}: {found}"
    return float(found[0])
