"""A fault, found by what Prometheus sees alone."""

from __future__ import annotations

import os
import signal
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bus.states import Status
from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE


@pytest.fixture(scope="module")
def manager() -> Iterator[Manager]:
    """Return a manager that checks and looks often."""
    with running_manager(usage_interval=0.2, health_interval=0.2) as running:
        yield running


def scrape(manager: Manager) -> list[Metric]:
    """Return what Prometheus reads, as its official parser has it."""
    with urllib.request.urlopen(f"{manager.api.url}/metrics", timeout=PATIENCE) as answer:
        return list(text_string_to_metric_families(answer.read().decode()))


def value(scraped: list[Metric], name: str, **labels: str) -> float | None:
    found = [
        sample.value
        for family in scraped
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    assert len(found) <= 1, found
    return found[0] if found else None


def test_a_killed_process_shows_with_its_cause(manager: Manager) -> None:
    """The counters tell that one was killed, whose it was, and that it runs again."""
    pid = manager.api.run("ann")["pid"]
    before = scrape(manager)
    with manager.listen("ann") as listener:
        os.kill(pid, signal.SIGKILL)
        listener.until_status(Status.FAILED)
        listener.until_status(Status.RUNNING)
    manager.api.run("ann")  # its actor is done with the change that was heard: it is counted
    after = scrape(manager)
    for name, labels in (
        ("pblm_failures_total", {"cause": "killed"}),
        ("pblm_restarts_total", {}),
        ("pblm_instance_restarts_total", {"user_id": "ann"}),
        ("pblm_starts_total", {"result": "started"}),
    ):
        assert (value(after, name, **labels) or 0) - (value(before, name, **labels) or 0) == 1
    assert value(after, "pblm_instance_status", user_id="ann", status="Running") == 1
    assert value(after, "pblm_instance_failure", user_id="ann") is None


def test_damaged_data_show_until_they_are_mended(manager: Manager) -> None:
    """Whose they are and what is wrong is one series, for as long as it is so."""
    database = f"{manager.api.run('ben')['db_path']}/data.db"
    manager.api.stop("ben")
    with open(database, "rb+") as file:
        good = file.read(4096)
        file.seek(0)
        file.write(b"x" * 4096)
    assert manager.api.init_pb("ben").status_code == 500
    scraped = scrape(manager)
    assert value(scraped, "pblm_instance_failure", user_id="ben", cause="data_corrupt") == 1
    assert value(scraped, "pblm_failures_total", cause="data_corrupt") == 1
    assert value(scraped, "pblm_instances", status="Failed") == 1
    with open(database, "rb+") as file:
        file.write(good)
    manager.api.run("ben")
    assert value(scrape(manager), "pblm_instance_failure", user_id="ben") is None


def test_the_house_is_timed_in_all_its_rooms(manager: Manager) -> None:
    """HTTP, the bus, starts and health checks have taken some time each, and none is negative."""
    instance = manager.api.run("cat")
    with manager.listen("cat"):
        while not value(
            scraped := scrape(manager), "pblm_health_check_duration_seconds_count", result="passed"
        ):
            continue
    for name, labels in (
        ("pblm_http_request_duration_seconds", {"route": "/api/users/{user_id}/init_pb"}),
        ("pblm_bus_round_trip_duration_seconds", {"request": "InitInstance"}),
        ("pblm_start_duration_seconds", {"result": "started"}),
        ("pblm_health_check_duration_seconds", {"result": "passed"}),
    ):
        assert (value(scraped, f"{name}_count", **labels) or 0) >= 1, name
        assert (value(scraped, f"{name}_sum", **labels) or 0) > 0, name
    started = value(scraped, "pblm_instance_start_time_seconds", user_id="cat")
    assert instance["started_at"].startswith("20")
    assert started is not None
    assert started > 1_700_000_000
