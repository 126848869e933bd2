"""How soon the door leads to who is new, and to who has another port."""

from __future__ import annotations

import socket
import statistics
import time

from tests.benchmarks.door.gate import GatedManager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

MOST = 10.0
"""Milliseconds from the answer that it is Running to the first one through the door."""


def measure(plan: Plan) -> list[Row]:
    """Start users, and start each again on another port; ask at the door at once."""
    count = max(5, plan.counts.starts // 3)
    with GatedManager(plan, ports=4 * count) as manager:
        manager.api.init("warm")
        manager.await_door("warm")
        new = [_reach(manager, f"user{number}") for number in range(count)]
        moved = [_move(manager, f"user{number}") for number in range(count)]
    return [_row("a new user", new), _row("a user that has moved", moved)]


def _reach(manager: GatedManager, user_id: str) -> float:
    """Start it; return the milliseconds from then until it is reached."""
    with manager.line(user_id) as line:
        manager.api.init(user_id)
        began = time.perf_counter()
        line.get()
        return 1000 * (time.perf_counter() - began)


def _move(manager: GatedManager, user_id: str) -> float:
    """Take its port away while it is stopped, and start it again elsewhere."""
    port = int(manager.api.instance(user_id)["port"])
    manager.api.stop(user_id)
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        passed = _reach(manager, user_id)
        assert manager.api.instance(user_id)["port"] != port
        manager.api.stop(user_id)
    return passed


def _row(who: str, times: list[float]) -> Row:
    return Row(
        what=f"{who}, from Running to reached",
        unit="ms",
        ours=times,
        target=f"p99 < {MOST:g} ms",
        met=statistics.quantiles(times, n=100, method="inclusive")[98] < MOST,
    )
