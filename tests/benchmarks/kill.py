"""``kill -9`` of a PocketBase until it serves again."""

from __future__ import annotations

import os
import select
import signal
import time

from tests.benchmarks.bare import Bare, wait_until_serving
from tests.benchmarks.manager import Manager
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row, at_most

PER_MANAGER = 4
"""Kills before a fresh manager takes over: one that sees more in ten seconds takes it for a
trouble of the whole machine, and restarts slowly."""


def measure(plan: Plan) -> list[Row]:
    """Kill a new user each time: only the first restart after a crash is immediate.

    The bare start is one on a directory whose process was killed, too.
    """
    ours: list[float] = []
    gone: list[float] = []
    theirs: list[float] = []
    users = [f"user{number}" for number in range(plan.counts.kills)]
    with Bare(plan) as bare:
        for first in range(0, len(users), PER_MANAGER):
            with Manager(plan) as manager:
                for user_id in users[first : first + PER_MANAGER]:
                    theirs.append(_bare_start(bare, user_id))
                    dead, serving = _killed(manager, user_id)
                    gone.append(1000 * dead)
                    ours.append(serving)
    return [
        at_most("kill -9 until it serves again", 1.5, ours, theirs),
        Row(what="of it, until the killed one is gone", unit="ms", ours=gone),
    ]


def _bare_start(bare: Bare, user_id: str) -> float:
    bare.start(user_id)
    bare.stop(user_id, kill=True)
    took = bare.start(user_id)
    bare.stop(user_id)
    return took


def _killed(manager: Manager, user_id: str) -> tuple[float, float]:
    instance = manager.api.init(user_id)
    took = _kill(instance["pid"], instance["port"])
    manager.api.init(user_id)  # joins the start under way, so that the manager knows, too
    manager.api.stop(user_id)
    return took


def _kill(pid: int, port: int) -> tuple[float, float]:
    """Return the seconds until the kernel has ended ``pid``, and until ``port`` serves again."""
    pidfd = os.pidfd_open(pid)
    try:
        began = time.perf_counter()
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        select.select([pidfd], [], [])  # what answers from now on is another process
        dead = time.perf_counter() - began
        wait_until_serving(port)
        return dead, time.perf_counter() - began
    finally:
        os.close(pidfd)
