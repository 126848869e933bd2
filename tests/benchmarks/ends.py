"""The end of a manager of a fleet: in order, and without a word."""

from __future__ import annotations

import time

from tests.benchmarks.manager import PATIENCE, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

MOST_STOP = 1.5
MOST_ADOPTION = 1.0
CALM = 5.0
"""Seconds after which a manager has got over the start of a fleet."""


def measure(plan: Plan) -> list[Row]:
    """Have a manager stop everything; then kill one, start it again, and have that stop it all."""
    count = plan.counts.fleet
    users = [f"user{number}" for number in range(count)]
    with Manager(plan, ports=2 * count) as manager:
        manager.init_all(users)
        time.sleep(CALM)
        stopped = _end(manager)
        manager.launch()
        manager.init_all(users)
        adopted, since_up = _adopt(manager, users)
        stopped_at_once = _end(manager)
    return [
        _within(f"killed manager until the next has adopted {count}", adopted, limit=MOST_ADOPTION),
        _row("of it, once its API answers", since_up),
        _within(f"graceful end of the manager with {count}", stopped, limit=MOST_STOP),
        _row("the same, right after it has adopted them", stopped_at_once),
    ]


def _adopt(manager: Manager, users: list[str]) -> tuple[float, float]:
    """Return the seconds until all are adopted, and those since the next API answered."""
    pids = {user_id: manager.api.instance(user_id)["pid"] for user_id in users}
    manager.kill()
    began = time.perf_counter()
    manager.launch()
    up = time.perf_counter()
    while manager.api.running() < len(users):
        if time.perf_counter() - up > PATIENCE:
            raise TimeoutError("not all were adopted")
        time.sleep(0.005)
    adopted = time.perf_counter()
    if pids != {user_id: manager.api.instance(user_id)["pid"] for user_id in users}:
        raise RuntimeError("an instance was started anew")
    return adopted - began, adopted - up


def _end(manager: Manager) -> float:
    began = time.perf_counter()
    manager.end()
    return time.perf_counter() - began


def _row(what: str, seconds: float) -> Row:
    return Row(what=what, unit="ms", ours=[1000 * seconds])


def _within(what: str, seconds: float, *, limit: float) -> Row:
    target = f"< {1000 * limit:g} ms"
    return Row(what=what, unit="ms", ours=[1000 * seconds], target=target, met=seconds < limit)
