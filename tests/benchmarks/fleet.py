"""Many users started at once, against the bare loop with the same parallelism."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

from tests.benchmarks.bare import Bare
from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row, at_least

LEAST_SHARE = 0.9


def measure(plan: Plan) -> list[Row]:
    """Each round has users of its own: started as new ones, then again as known ones."""
    count = plan.counts.crowd
    new: list[float] = []
    known: list[float] = []
    bare_new: list[float] = []
    bare_known: list[float] = []
    with Manager(plan, ports=2 * count) as manager, Bare(plan, ports=count) as bare:
        for number in range(plan.counts.rounds):
            users = [f"user{number}.{each}" for each in range(count)]
            for ours, theirs in ((new, bare_new), (known, bare_known)):
                theirs.append(count / start_bare(bare, users, manager.settings.max_starting))
                bare.stop_all()
                ours.append(count / manager.init_all(users))
                manager.stop_all(users)
    return [
        at_least(f"{count} new users at once", LEAST_SHARE, new, bare_new),
        at_least(f"{count} stopped users at once", LEAST_SHARE, known, bare_known),
    ]


def start_bare(bare: Bare, users: list[str], parallel: int) -> float:
    """Return the seconds until all of them serve."""
    began = time.perf_counter()
    with ThreadPoolExecutor(parallel) as pool:
        list(pool.map(bare.start, users, range(len(users))))
    return time.perf_counter() - began
