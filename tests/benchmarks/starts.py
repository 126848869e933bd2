"""``init_pb``, HTTP request to HTTP answer ``Running``: a known user, and a new one."""

from __future__ import annotations

import time

from tests.benchmarks.bare import Bare
from tests.benchmarks.manager import Api, Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row, at_most


def measure(plan: Plan) -> list[Row]:
    """Start ours and the bare one in turn, one at a time."""
    new: list[float] = []
    known: list[float] = []
    bare_new: list[float] = []
    bare_known: list[float] = []
    with Manager(plan) as manager, Bare(plan) as bare:
        for number in range(plan.counts.starts):
            user_id = f"user{number}"
            for ours, theirs in ((new, bare_new), (known, bare_known)):
                theirs.append(bare.start(user_id))
                bare.stop(user_id)
                ours.append(init(manager.api, user_id))
                manager.api.stop(user_id)
    return [
        at_most("init_pb of a stopped user", 1.3, known, bare_known),
        at_most("init_pb of a new user", 1.3, new, bare_new),
    ]


def init(api: Api, user_id: str) -> float:
    """Return the seconds of an ``init_pb`` on a new connection."""
    api.hang_up()
    began = time.perf_counter()
    instance = api.init(user_id)
    took = time.perf_counter() - began
    if instance["status"] != "Running":
        raise RuntimeError(f"{user_id} is {instance['status']}")
    return took
