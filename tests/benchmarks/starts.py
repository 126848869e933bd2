"""``init_pb``, HTTP request to HTTP answer ``Running``: a known user, and a new one."""

from __future__ import annotations

import statistics
import time

from tests.benchmarks.bare import Bare
from tests.benchmarks.manager import Api, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row, at_most

SPARES = 2
MOST_FROM_SPARES = 10.0
"""Milliseconds."""


def measure(plan: Plan) -> list[Row]:
    """Start ours and the bare one in turn, one at a time."""
    new: list[float] = []
    known: list[float] = []
    bare_new: list[float] = []
    bare_known: list[float] = []
    with Manager(plan, ports=2 * plan.counts.starts) as manager, Bare(plan) as bare:
        for number in range(plan.counts.starts):
            user_id = f"user{number}"
            for ours, theirs in ((new, bare_new), (known, bare_known)):
                theirs.append(bare.start(user_id))
                bare.stop(user_id)
                ours.append(init(manager.api, user_id))
                manager.api.stop(user_id)
    return [
        _from_spares(plan),
        at_most("init_pb of a stopped user", 1.15, known, bare_known),
        at_most("init_pb of a new user", 0.5, new, bare_new),
    ]


def _from_spares(plan: Plan) -> Row:
    """New users, each of whom finds a spare."""
    apart = Plan(root=plan.root / "spares", binary=plan.binary, counts=plan.counts)
    apart.root.mkdir()
    took: list[float] = []
    with Manager(apart, ports=2 * plan.counts.starts, PB_SPARES=str(SPARES)) as manager:
        for number in range(plan.counts.starts):
            manager.await_spares(number + SPARES)
            took.append(1000 * init(manager.api, f"user{number}"))
    return Row(
        what=f"init_pb of a new user, PB_SPARES={SPARES}",
        unit="ms",
        ours=took,
        target=f"<= {MOST_FROM_SPARES:g} ms",
        met=statistics.median(took) <= MOST_FROM_SPARES,
    )


def init(api: Api, user_id: str) -> float:
    """Return the seconds of an ``init_pb`` on a new connection."""
    api.hang_up()
    began = time.perf_counter()
    instance = api.init(user_id)
    took = time.perf_counter() - began
    if instance["status"] != "Running":
        raise RuntimeError(f"{user_id} is {instance['status']}")
    return took
