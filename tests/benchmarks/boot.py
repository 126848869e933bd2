"""The first launch after the power failed: many users are known, some of them are to run."""

from __future__ import annotations

import time

from tests.benchmarks.bare import Bare
from tests.benchmarks.fleet import LEAST_SHARE, start_bare
from tests.benchmarks.manager import LOOK, PATIENCE, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.sleeping import register
from tests.benchmarks.table import Row, at_least


def measure(plan: Plan) -> list[Row]:
    """Against the bare loop, which starts just those who are to run; in turn, round by round."""
    count, known = plan.counts.crowd, plan.counts.sleeping
    users = [f"user{number}" for number in range(count)]
    ups, ours, theirs = [], [], []
    with Manager(plan, ports=2 * count) as manager, Bare(plan, ports=count) as bare:
        parallel = manager.settings.max_starting
        start_bare(bare, users, parallel)
        bare.stop_all()
        manager.init_all(users)
        manager.crash()
        register(plan.root / "managed", known)
        for _ in range(plan.counts.rounds):
            theirs.append(count / start_bare(bare, users, parallel))
            bare.stop_all()
            up, all_run = _boot(manager, count)
            manager.crash()
            ups.append(1000 * up)
            ours.append(count / all_run)
        manager.launch()
    what = f"boot with {known} known, {count} of them to run"
    return [
        Row(what="boot: until the API answers", unit="ms", ours=ups),
        at_least(what, LEAST_SHARE, ours, theirs),
    ]


def _boot(manager: Manager, count: int) -> tuple[float, float]:
    """Return the seconds until the API answers, and until all run."""
    began = time.perf_counter()
    manager.launch()
    up = time.perf_counter() - began
    while manager.api.running() < count:
        if time.perf_counter() - began > PATIENCE:
            raise TimeoutError(f"{manager.api.running()} of {count} run")
        time.sleep(LOOK)
    return up, time.perf_counter() - began
