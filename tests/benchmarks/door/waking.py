"""A wake as the caller at the door sees it, beside the bare start of the same PocketBase."""

from __future__ import annotations

import statistics
import time

from tests.benchmarks.bare import Bare
from tests.benchmarks.door.gate import GatedManager
from tests.benchmarks.door.line import ask_at_once
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

CROWD = 100
MOST, MOST_P99 = 1.3, 3.0
"""Times the bare start: at the median, and the p99 of the one beside that of the other."""


def measure(plan: Plan) -> list[Row]:
    """In turn: a bare start and its first answer; a request at the door of a sleeper."""
    rounds = max(5, plan.counts.starts // 2)
    with GatedManager(plan) as manager, Bare(plan) as bare:
        manager.api.init("alice")
        manager.await_door("alice")
        bare.start("bare")
        bare.stop("bare")
        rows = []
        for waiters, count in ((1, rounds), (CROWD, max(3, rounds // 3))):
            ours: list[float] = []
            theirs: list[float] = []
            for _ in range(count):
                ours += _wake(manager, waiters)
                theirs += _start(bare, waiters)
            rows += _rows(waiters, ours, theirs)
        return rows


def _wake(manager: GatedManager, waiters: int) -> list[float]:
    manager.put_to_sleep("alice")
    return ask_at_once(waiters, manager.door, manager.host("alice"))


def _start(bare: Bare, waiters: int) -> list[float]:
    """Start it; once it answers, as many ask it directly, and have waited since the start."""
    began = time.perf_counter()
    bare.start("bare")
    waited = time.perf_counter() - began
    if waiters == 1:  # it has answered one already
        times = [waited]
    else:
        times = [waited + each for each in ask_at_once(waiters, bare.port)]
    bare.stop("bare")
    return times


def _rows(waiters: int, ours: list[float], theirs: list[float]) -> list[Row]:
    mine, bare = ([1000 * each for each in times] for times in (ours, theirs))
    ratio = statistics.median(mine) / statistics.median(bare)
    tail = _p99(mine) / _p99(bare)
    who = "1 waits" if waiters == 1 else f"{waiters} wait"
    return [
        Row(
            what=f"wake at the door, {who}",
            unit="ms",
            ours=mine,
            bare=bare,
            target=f"<= {MOST:g}x",
            met=ratio <= MOST,
        ),
        Row(
            what=f"of it, p99 beside the bare p99, {who}",
            unit="ms",
            ours=[_p99(mine)],
            bare=[_p99(bare)],
            target=f"< {MOST_P99:g}x",
            met=tail < MOST_P99,
        ),
    ]


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[98]
