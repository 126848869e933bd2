"""What users cost who are known and do nothing: memory, and time at the launch."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

from actors.layout import Layout
from actors.records import Record
from actors.store import Store
from bus.states import Desired, Status
from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import resident
from tests.benchmarks.table import Row

MOST_EACH = 3.0
"""KiB of the manager's memory per user."""
MOST_MEMORY = 75.0
"""MiB, with all of them."""
SETTLE = 2.0
"""Seconds after the launch before the memory is looked at."""


def measure(plan: Plan) -> list[Row]:
    """Launch a manager that knows nobody, and one that knows many."""
    count = plan.counts.sleeping
    alone, _ = _launch(plan, 0)
    memory, seconds = _launch(plan, count)
    each = 1024 * (memory - alone) / count
    return [
        Row(
            what=f"manager's RSS, {count} users asleep",
            unit="MiB",
            ours=[memory],
            target=f"< {MOST_MEMORY:g} MiB",
            met=memory < MOST_MEMORY,
        ),
        Row(
            what="of it, each user",
            unit="KiB",
            ours=[each],
            target=f"< {MOST_EACH:g} KiB",
            met=each < MOST_EACH,
        ),
        Row(what=f"launch, {count} users asleep", unit="ms", ours=[1000 * seconds]),
    ]


def _launch(plan: Plan, count: int) -> tuple[float, float]:
    """Return the manager's memory in MiB, and the seconds until its API answers."""
    apart = Plan(root=plan.root / f"of{count}", binary=plan.binary, counts=plan.counts)
    register(apart.root / "managed", count)
    began = time.perf_counter()
    with Manager(apart, PB_SEEDS="0") as manager:
        seconds = time.perf_counter() - began
        time.sleep(SETTLE)
        return resident(manager.pid), seconds


def register(root: Path, count: int) -> None:
    """Have so many users known who are asleep, while no manager serves ``root``."""
    layout = Layout(root=root, control=root / ".pblm")
    layout.prepare()
    store = Store(layout.registry)
    for number in range(count):
        store.put(_sleeper(number))
    store.close()


def _sleeper(number: int) -> Record:
    now = datetime.now(UTC)
    return Record(
        user_id=f"user_{number:06d}",
        status=Status.STOPPED,
        desired=Desired.STOPPED,
        reason="It was stopped: PocketBase exited with status 0",
        created_at=now,
        stopped_at=now,
        port=9000 + number % 1000,
        run=3,
        version="0.40.6",
        identity=f"1640988000_aux_init.go@{1_795_532_087_059_165 + number}",
    )
