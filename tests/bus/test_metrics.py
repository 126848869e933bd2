"""What is counted, as Prometheus reads it."""

from __future__ import annotations

import re
from typing import get_args

import pytest
import zmq
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open

from bus.answers import EventsAnswer, HealthAnswer
from bus.causes import Cause
from bus.client import BusClient
from bus.errors import NotFound
from bus.events import AnyEvent
from bus.hub import Hub
from bus.metrics import Metrics
from bus.requests import AnyRequest, GetEvents, GetHealth
from tests.bus.conftest import Bus
from tests.bus.parts import NEVER, NOW, PATIENCE, Script, changed
from tests.bus.readings import CLUSTER, FLEET, families, value

NO_UNITS = r"(milli|micro|nano)?(second|minute|hour|day)$|_(ms|us|ns|percent|kb|mb|mib|kib)(_|$)"
"""What no name has: units that are not the base ones."""


@pytest.fixture
def metrics() -> Metrics:
    metrics = Metrics()
    metrics.read_fleet(lambda: FLEET, per_instance=True)
    metrics.expect_http([("GET", "/api/fleet")], (200, 503))
    return metrics


def ours(metrics: Metrics) -> list[Metric]:
    return [family for family in families(metrics) if family.name.startswith("pblm_")]


def test_names_are_those_that_prometheus_recommends(metrics: Metrics) -> None:
    """As promtool has it: one prefix, base units, ``_total`` for counters only, a help text."""
    for family in ours(metrics):
        assert re.fullmatch(r"pblm_[a-z]+(_[a-z]+)*", family.name), family.name
        assert not re.search(NO_UNITS, family.name), family.name
        assert family.documentation.endswith("."), family.name
        assert not family.name.endswith(("_total", "_count", "_sum", "_bucket")), family.name
        assert not re.search(r"_(counter|gauge|histogram)", family.name), family.name
        assert family.type in ("counter", "gauge", "histogram")
        if family.type == "histogram":
            assert family.name.endswith("_seconds"), family.name
        for sample in family.samples:
            assert sample.name.endswith("_total") == (family.type == "counter"), sample.name
            assert sample.labels.keys().isdisjoint({"job", "instance", "quantile"}), sample.name
            assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", label) for label in sample.labels)


def test_no_series_comes_twice(metrics: Metrics) -> None:
    """Name and labels tell each series from every other."""
    seen = [
        (sample.name, *sorted(sample.labels.items()))
        for family in families(metrics)
        for sample in family.samples
    ]
    assert len(seen) == len(set(seen))


def test_open_metrics_are_told_if_asked_for(metrics: Metrics) -> None:
    """Newer scrapers get the newer format, and the official parser takes it."""
    text, content_type = metrics.exposition("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    names = {family.name for family in parse_open(text.decode())}  # type: ignore[no-untyped-call]
    assert {"pblm_starts", "pblm_instances", "pblm_instance_memory_bytes"} <= names


def test_series_are_there_before_anything_has_happened() -> None:
    """The first failure of its kind is seen as a rise from 0."""
    read = families(Metrics())
    for cause in Cause:
        assert value(read, "pblm_failures_total", cause=cause) == 0
        assert value(read, "pblm_starts_total", result="failed", cause=cause) == 0
    assert value(read, "pblm_starts_total", result="started", cause="none") == 0
    assert value(read, "pblm_health_check_duration_seconds_count", result="failed") == 0
    for request in get_args(AnyRequest):
        name = request.__name__
        assert value(read, "pblm_bus_requests_total", request=name, result="error") == 0
    for event in get_args(AnyEvent):
        tag = event.__struct_config__.tag
        assert value(read, "pblm_events_published_total", event=tag) == 0


def test_every_call_has_its_series(metrics: Metrics) -> None:
    """Each route has each code from the beginning, and there is one for what no route takes."""
    for route in ("/api/fleet", "unmatched"):
        for code in ("200", "503"):
            labels = {"method": "GET", "route": route, "code": code}
            assert value(metrics, "pblm_http_requests_total", **labels) == 0


def test_the_fleet_is_read_when_it_is_asked_for(metrics: Metrics) -> None:
    """Statuses, queues and sums are those of the reading."""
    assert value(metrics, "pblm_instances", status="Running") == 1
    assert value(metrics, "pblm_instances", status="Stopped") == 0
    assert value(metrics, "pblm_instances_wanted") == 2
    assert value(metrics, "pblm_starts_waiting") == 3
    assert value(metrics, "pblm_disk_low") == 1
    assert value(metrics, "pblm_actor_mailbox_length", actor="Supervisor") == 4
    assert value(metrics, "pblm_fleet_memory_bytes") == 7_000_000
    assert value(metrics, "pblm_fleet_cpu_cores") == 0.5
    info = {"version": "1.2.3", "pocketbase_version": "0.40.6"}
    assert value(metrics, "pblm_build_info", **info) == 1


def test_each_instance_has_series_of_its_own(metrics: Metrics) -> None:
    """Its status, its failure and what it takes; nothing is made up where nothing is known."""
    assert value(metrics, "pblm_instance_status", user_id="alice", status="Running") == 1
    assert value(metrics, "pblm_instance_failure", user_id='b"ob', cause="data_corrupt") == 1
    assert value(metrics, "pblm_instance_restarts_total", user_id="alice") == 2
    assert value(metrics, "pblm_instance_cpu_seconds_total", user_id="alice") == 1.5
    names = {s.name for f in ours(metrics) for s in f.samples if s.labels.get("user_id") == 'b"ob'}
    assert names == {
        "pblm_instance_status",
        "pblm_instance_failure",
        "pblm_instance_restarts_total",
    }


def test_the_series_of_each_instance_can_be_left_out() -> None:
    """With many users there are as many series as with few."""
    metrics = Metrics()
    metrics.read_fleet(lambda: FLEET, per_instance=False)
    labels = {label for f in families(metrics) for sample in f.samples for label in sample.labels}
    assert "user_id" not in labels
    assert value(metrics, "pblm_fleet_memory_bytes") == 7_000_000


def test_two_houses_in_one_process_count_apart() -> None:
    """Each has a registry of its own."""
    first, second = Metrics(), Metrics()
    first.restarts.inc()
    assert value(first, "pblm_restarts_total") == 1
    assert value(second, "pblm_restarts_total") == 0


@pytest.fixture
def counted(bus: Bus, script: Script) -> tuple[Hub, Metrics]:
    metrics = Metrics()
    command, event = bus.endpoints
    hub = Hub(command_endpoint=command, event_endpoint=event, heartbeat=NEVER, metrics=metrics)
    bus.closing(hub.close)
    hub.start(script)
    return hub, metrics


def test_the_hub_counts_what_is_asked(
    bus: Bus, counted: tuple[Hub, Metrics], script: Script, client: BusClient
) -> None:
    """Requests by type and outcome, and messages that are none."""
    _, metrics = counted
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    client.ask(GetHealth(), HealthAnswer)
    script.lines[GetHealth] = NotFound("nobody")
    with pytest.raises(NotFound):
        client.ask(GetHealth(), HealthAnswer)
    stranger = bus.socket(zmq.DEALER, bus.endpoints.command)
    stranger.send_multipart([b"1", b"nonsense"])
    stranger.recv_multipart()
    for result in ("ok", "error"):
        labels = {"request": "GetHealth", "result": result}
        assert value(metrics, "pblm_bus_requests_total", **labels) == 1
    assert value(metrics, "pblm_bus_messages_refused_total") == 1


def test_round_trips_of_the_houses_own_client_are_timed(
    counted: tuple[Hub, Metrics], script: Script
) -> None:
    """From asking to the answer, by type of request; other clients cannot be timed."""
    hub, metrics = counted
    script.lines[GetHealth] = HealthAnswer(total_instances=0, running_instances=0, at=NOW)
    with hub.client() as local:
        local.ask(GetHealth(), HealthAnswer, timeout=PATIENCE)
    name = "pblm_bus_round_trip_duration_seconds"
    assert value(metrics, f"{name}_count", request="GetHealth") == 1
    assert 0 < value(metrics, f"{name}_sum", request="GetHealth") < PATIENCE


def test_the_hub_counts_events_and_those_that_were_missed(
    counted: tuple[Hub, Metrics], client: BusClient
) -> None:
    """What is asked for again was dropped on the way; a newcomer has missed nothing."""
    hub, metrics = counted
    for _ in range(3):
        hub.publish(changed())
    client.ask(GetEvents(epoch="", after=0), EventsAnswer)
    assert value(metrics, "pblm_events_published_total", event="status_changed") == 3
    assert value(metrics, "pblm_events_dropped_total") == 0
    client.ask(GetEvents(epoch=hub.epoch, after=1), EventsAnswer)
    assert value(metrics, "pblm_events_dropped_total") == 2


def test_the_hosts_of_a_cluster_are_told() -> None:
    """Who is heard, and whose the users are; without a cluster there is nothing of it."""
    metrics = Metrics()
    assert not [each for each in families(metrics) if each.name.startswith("pblm_cluster")]
    metrics.read_cluster(lambda: CLUSTER)
    up = {host: value(metrics, "pblm_cluster_host_up", host=host) for host in ("h1", "h2")}
    assert up == {"h1": 1, "h2": 0}
    assert value(metrics, "pblm_cluster_users", host="h2") == 3
    assert value(metrics, "pblm_cluster_problems") == 1
