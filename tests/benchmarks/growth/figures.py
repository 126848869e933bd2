"""The figures of a fleet of one size."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tests.benchmarks.events import EVENTS_PER_CYCLE, hear_ours
from tests.benchmarks.idle import cpu_share
from tests.benchmarks.manager import PATIENCE, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import child, resident

BATCH = 200
"""So many users are started at once, in one batch after the other."""
READS = 1000
CYCLES = 25
SETTLE = 10.0
IDLE = 40.0
"""Seconds: a whole interval of health checks, and what their jitter adds."""

FIGURES = {
    "start": "start of a known user, all at once: ms each",
    "read": "pb_status, one client: ms",
    "list": "pb_instances, a page of 50: ms",
    "event": "status change to subscriber: ms",
    "memory": "manager's RSS: MiB",
    "idle": "manager's idle CPU: % of a core",
    "adoption": "killed manager until the next has adopted all: ms",
    "stop": "graceful end of the manager and all instances: ms",
}
"""What is measured, and in which unit."""
FLAT = frozenset({"start", "read", "list", "event"})
"""Figures that must not grow at all; the others may grow as the fleet does."""


def measure(plan: Plan, count: int) -> dict[str, float]:
    """Return the figures of a fleet of ``count``."""
    users = [f"user{number}" for number in range(count)]
    found: dict[str, float] = {}
    with Manager(plan, ports=2 * count + 10) as manager:
        for batch in _batches(users):
            manager.init_all(batch)
        manager.stop_all(users)
        found["start"] = 1000 * sum(manager.init_all(batch) for batch in _batches(users)) / count
        time.sleep(SETTLE)
        found["memory"] = resident(manager.pid)
        found["idle"] = 100 * cpu_share(manager.pid, IDLE)
        found["read"] = _median(manager, [f"/api/users/{user}/pb_status" for user in users])
        found["list"] = _median(manager, ["/api/pb_instances?limit=50"])
        found["event"] = _event(manager)
        found["adoption"] = 1000 * _adoption(manager, count)
        began = time.perf_counter()
        manager.end()
        found["stop"] = 1000 * (time.perf_counter() - began)
    return found


def _batches(users: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(users), BATCH):
        yield users[first : first + BATCH]


def _median(manager: Manager, paths: list[str]) -> float:
    """Return how long one of the calls takes at the median, in milliseconds."""
    taken = []
    for number in range(READS):
        began = time.perf_counter()
        manager.api.call("GET", paths[number % len(paths)])
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def _event(manager: Manager) -> float:
    endpoints = (manager.settings.event_endpoint, manager.settings.command_endpoint)
    with child(hear_ours, CYCLES * EVENTS_PER_CYCLE, *endpoints) as heard:
        heard()  # it listens
        for _ in range(CYCLES):
            manager.api.init("one.more")
            manager.api.stop("one.more")
        ages: list[float] = heard()
    return 1000 * statistics.median(ages)


def _adoption(manager: Manager, count: int) -> float:
    manager.kill()
    began = time.perf_counter()
    manager.launch()
    while manager.api.running() < count:
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError("not all were adopted")
        time.sleep(0.005)
    return time.perf_counter() - began
