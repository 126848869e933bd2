"""The end of a manager of a fleet: in order, and without a word."""

from __future__ import annotations

import time

from tests.benchmarks.manager import PATIENCE, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

MOST_STOP = 1.5
MOST_ADOPTION = 1.0


def measure(plan: Plan) -> list[Row]:
    """Kill the manager and start it again; then have it stop everything."""
    count = plan.counts.fleet
    users = [f"user{number}" for number in range(count)]
    with Manager(plan, ports=2 * count) as manager:
        manager.init_all(users)
        pids = {user_id: manager.api.instance(user_id)["pid"] for user_id in users}
        manager.kill()
        began = time.perf_counter()
        manager.launch()
        up = time.perf_counter()
        while manager.api.running() < count:
            if time.perf_counter() - up > PATIENCE:
                raise TimeoutError("not all were adopted")
            time.sleep(0.005)
        adopted = time.perf_counter()
        if pids != {user_id: manager.api.instance(user_id)["pid"] for user_id in users}:
            raise RuntimeError("an instance was started anew")
        stopping = time.perf_counter()
        manager.end()
        stopped = time.perf_counter() - stopping
    return [
        _within(
            f"killed manager until the next has adopted {count}", MOST_ADOPTION, adopted - began
        ),
        Row(what="of it, once its API answers", unit="ms", ours=[1000 * (adopted - up)]),
        _within(f"graceful end of the manager with {count}", MOST_STOP, stopped),
    ]


def _within(what: str, limit: float, seconds: float) -> Row:
    target = f"< {1000 * limit:g} ms"
    return Row(what=what, unit="ms", ours=[1000 * seconds], target=target, met=seconds < limit)
