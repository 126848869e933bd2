"""The first launch after the power failed: many users are known, some of them are to run."""

from __future__ import annotations

import time

from tests.benchmarks.bare import Bare
from tests.benchmarks.fleet import LEAST_SHARE, start_bare
from tests.benchmarks.manager import PATIENCE, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.sleeping import register
from tests.benchmarks.table import Row


def measure(plan: Plan) -> list[Row]:
    """Against the bare loop, which starts just those who are to run."""
    count, known = plan.counts.crowd, plan.counts.sleeping
    users = [f"user{number}" for number in range(count)]
    with Manager(plan, ports=2 * count) as manager, Bare(plan, ports=count) as bare:
        parallel = manager.settings.max_starting
        start_bare(bare, users, parallel)
        bare.stop_all()
        manager.init_all(users)
        manager.crash()
        register(plan.root / "managed", known)
        theirs = start_bare(bare, users, parallel)
        bare.stop_all()
        began = time.perf_counter()
        manager.launch()
        up = time.perf_counter() - began
        while manager.api.running() < count:
            if time.perf_counter() - began > PATIENCE:
                raise TimeoutError(f"{manager.api.running()} of {count} run")
            time.sleep(0.01)
        ours = time.perf_counter() - began
    rates = Row(
        what=f"boot with {known} known, {count} of them to run",
        unit="starts/s",
        ours=[count / ours],
        bare=[count / theirs],
        target=f">= {LEAST_SHARE:g}x",
        met=count / ours >= LEAST_SHARE * count / theirs,
    )
    return [Row(what="boot: until the API answers", unit="ms", ours=[1000 * up]), rates]
