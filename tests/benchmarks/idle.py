"""What the manager itself takes: memory, and processor time while nobody asks for anything."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row

MOST_CPU = 1.0
"""Percent of one core."""
MOST_MEMORY = 45.0
"""MiB of the manager with the whole fleet running."""
SETTLE = 75.0
"""Seconds after the last start before the idle time is counted: each instance is looked at twice
soon after its start, and then once a minute (actors/monitor/sampler.py)."""


def measure(plan: Plan) -> list[Row]:
    """Start half of the fleet, then the other half, and look at the manager in between."""
    count = plan.counts.fleet
    users = [f"user{number}" for number in range(count)]
    with Manager(plan, ports=2 * count) as manager:
        rows = _memory(manager.pid, 0)
        for first, last in ((0, count // 2), (count // 2, count)):
            manager.init_all(users[first:last])
            rows += _memory(manager.pid, last)
        time.sleep(SETTLE)
        share = 100 * cpu_share(manager.pid, plan.counts.idle_seconds)
    return [
        *rows,
        Row(
            what=f"manager's idle CPU, {count} running",
            unit="% of a core",
            ours=[share],
            target=f"< {MOST_CPU:g} %",
            met=share < MOST_CPU,
        ),
    ]


def cpu_share(pid: int, seconds: float) -> float:
    """Return the share of one core that the process takes during ``seconds``."""
    before, began = _cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (_cpu_seconds(pid) - before) / (time.monotonic() - began)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(pid: int, running: int) -> list[Row]:
    sizes = {}
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
        name, value = line.split()[:2]
        sizes[name.rstrip(":")] = int(value) / 1024
    resident = sizes["Rss"]
    return [
        Row(
            what=f"manager's RSS, {running} running",
            unit="MiB",
            ours=[resident],
            target=f"< {MOST_MEMORY:g} MiB",
            met=resident < MOST_MEMORY,
        ),
        Row(what=f"manager's PSS, {running} running", unit="MiB", ours=[sizes["Pss"]]),
    ]
