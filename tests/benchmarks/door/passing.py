"""What the door costs each request: throughput and latency, beside the same requests without it."""

from __future__ import annotations

import statistics
import time

from tests.benchmarks import load
from tests.benchmarks.door.gate import GatedManager
from tests.benchmarks.door.line import HEALTH, Line
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

CLIENTS = 16
LEAST_SHARE = 0.45
"""Of the direct throughput."""
MOST_ADDED = 0.2
"""Milliseconds at the median of one connection."""
BATCH = 100
"""So many requests go one way before as many go the other."""


def measure(plan: Plan) -> list[Row]:
    """One instance, asked through the door and directly in turn."""
    with GatedManager(plan) as manager:
        port = int(manager.api.init("alice")["port"])
        manager.await_door("alice")
        through, direct = _rates(manager, port, plan)
        rows = [_share(through, direct)]
        through, direct = _times(manager, port, plan)
        return [*rows, _added(through, direct)]


def _rates(manager: GatedManager, port: int, plan: Plan) -> tuple[list[float], list[float]]:
    """In slices of a second: what else the machine does is nearly the same for both of a pair."""
    through, direct = [], []
    for _ in range((2 * plan.counts.rounds + 1) * plan.counts.load_seconds):
        through.append(load.rate(manager.door, HEALTH, CLIENTS, 1, manager.host("alice")))
        direct.append(load.rate(port, HEALTH, CLIENTS, 1))
    return through, direct


def _share(through: list[float], direct: list[float]) -> Row:
    shares = [ours / bare for ours, bare in zip(through, direct, strict=True)]
    share = statistics.median(shares)
    return Row(
        what=f"{CLIENTS} connections ({load.tool()}); of each pair {share:.2f}x at the median",
        unit="req/s",
        ours=through,
        bare=direct,
        target=f">= {LEAST_SHARE:g}x",
        met=share >= LEAST_SHARE,
    )


def _times(manager: GatedManager, port: int, plan: Plan) -> tuple[list[float], list[float]]:
    through: list[float] = []
    direct: list[float] = []
    for _ in range(plan.counts.requests // BATCH):
        for times, line in ((through, manager.line("alice")), (direct, Line(port))):
            with line:
                line.get()
                times += [line.get() for _ in range(BATCH)]
        time.sleep(0.05)  # another moment of a machine that is not ours alone
    return through, direct


def _added(through: list[float], direct: list[float]) -> Row:
    added = 1000 * (statistics.median(through) - statistics.median(direct))
    return Row(
        what=f"one connection; added {added:.3f} ms at the median",
        unit="ms",
        ours=[1000 * each for each in through],
        bare=[1000 * each for each in direct],
        target=f"< {MOST_ADDED:g} ms added",
        met=added < MOST_ADDED,
    )
