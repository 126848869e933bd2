"""What many known users cost of whom few are awake: memory of the manager and of the door."""

from __future__ import annotations

import time

from tests.benchmarks.door import town
from tests.benchmarks.door.gate import GatedManager
from tests.benchmarks.door.memory import resident
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

AWAKE = 50
MOST = 200.0
"""MiB of manager and door together."""
SETTLE = 2.0
"""Seconds after the last wake before the memory is looked at."""


def measure(plan: Plan) -> list[Row]:
    """Wake some of many through the door."""
    known = plan.counts.sleeping
    settings = town.build(plan, known, set(range(AWAKE)))
    with GatedManager(plan, ports=2 * AWAKE, **settings) as manager:
        for number in range(AWAKE):
            manager.await_door(town.name(number))
        assert manager.api.running() == AWAKE
        time.sleep(SETTLE)
        memory = [resident(manager.pid), resident(manager.door_pid)]
    who = f"{known} users known, {AWAKE} awake"
    return [
        Row(
            what=f"manager and door, {who}",
            unit="MiB",
            ours=[sum(memory)],
            target=f"< {MOST:g} MiB",
            met=sum(memory) < MOST,
        ),
        Row(what="of it, the door", unit="MiB", ours=[memory[1]]),
    ]
