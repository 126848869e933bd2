"""Starts, stops, kills and hangs: every system in turn, round by round."""

from __future__ import annotations

import math
import os
import select
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from tests.benchmarks.bare import PATIENCE
from tests.benchmarks.peers.bare import BareLoop
from tests.benchmarks.peers.circus import Circus
from tests.benchmarks.peers.environment import PLACE, install_node, install_python
from tests.benchmarks.peers.ours import Ours
from tests.benchmarks.peers.peer import Job, Jobs, Peer, Truth, pid_of
from tests.benchmarks.peers.pm2 import Pm2
from tests.benchmarks.peers.supervisor import Supervisor
from tests.benchmarks.plan import Plan
from tests.benchmarks.table import Row
from tests.ports import free_ports

NEW, KNOWN = "start of a new user", "start of a known user"
EARLY_NEW, EARLY = "said to run, after a new one does", "said to run, after a known one does"
STOP, KILL, STATUS = "stop", "kill -9 until it serves again", "status, 1 client"
HANG = "SIGSTOP until another serves"
ORDER = (NEW, KNOWN, EARLY_NEW, EARLY, STOP, KILL, HANG, STATUS)
LIMITS: dict[str, float] = {NEW: 0.5, KNOWN: 1.15, KILL: 1.0}
"""How many times as long as the bare loop ours may take."""
HANG_PATIENCE = 8.0
STATUS_CALLS = 20
FAST_CHECKS = {"PB_HEALTH_INTERVAL": "0.25", "PB_HEALTH_TIMEOUT": "0.25"}

Figures = dict[str, list[float]]


def measure(plan: Plan) -> list[Row]:
    """Install the peers, and let all of them do the same."""
    figures: dict[str, Figures] = defaultdict(lambda: defaultdict(list))
    with ExitStack() as stack:
        peers = list(_open(plan, stack))
        for number in range(plan.counts.rounds_of_peers):
            for peer in peers:
                _round(peer, peer.job(number), figures[peer.name])
        for peer in peers:
            _hang(peer, peer.job(plan.counts.rounds_of_peers), figures[peer.name])
    with ExitStack() as stack:
        apart = Plan(root=plan.root / "fast", binary=plan.binary, counts=plan.counts)
        apart.root.mkdir()
        fast = Ours(apart, **FAST_CHECKS)
        stack.callback(fast.close)
        fast.name = "ours, checked 4 times a second"
        for number in range(3):
            _hang(fast, fast.job(number), figures[fast.name])
    return [
        row
        for what in (NEW, KNOWN, EARLY_NEW, EARLY, STOP, KILL, HANG, STATUS)
        for row in _rows(what, figures)
    ]


def _open(plan: Plan, stack: ExitStack) -> list[Peer]:
    """Open what can be had, and say what cannot."""

    def jobs(name: str) -> Jobs:
        return Jobs(plan.root / name, plan.binary, free_ports(plan.counts.rounds_of_peers + 1))

    def folder() -> Path:
        return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peer", dir="/tmp")))

    makers: list[tuple[str, Callable[[], Peer]]] = [
        ("", lambda: BareLoop(jobs("bare"))),
        ("", lambda: Ours(plan)),
    ]
    refused = install_python()
    makers.append((refused, lambda: Circus(PLACE, folder(), jobs("circus"))))
    makers.append((refused, lambda: Supervisor(PLACE, folder(), jobs("supervisor"))))
    makers.append((install_node(), lambda: Pm2(PLACE, folder(), jobs("pm2"))))
    opened = []
    for refusal, make in makers:
        if refusal:
            print(f"a peer is left out: {refusal}", file=sys.stderr)
            continue
        peer = make()
        stack.callback(peer.close)
        opened.append(peer)
    return opened


def _round(peer: Peer, job: Job, figures: Figures) -> None:
    for act, what, early in ((peer.add, NEW, EARLY_NEW), (peer.start, KNOWN, EARLY)):
        truth, began = Truth(job.port), time.perf_counter()
        act(job)
        said, served = time.perf_counter(), truth.wait()
        figures[what].append(served - began)
        figures[early].append(said - served)
        began = time.perf_counter()
        peer.stop(job)
        figures[STOP].append(time.perf_counter() - began)
    peer.start(job)
    Truth(job.port).wait()
    for _ in range(STATUS_CALLS):
        began = time.perf_counter()
        peer.status(job)
        figures[STATUS].append(time.perf_counter() - began)
    figures[KILL].append(_end(job, signal.SIGKILL, PATIENCE))
    peer.stop(job)


def _hang(peer: Peer, job: Job, figures: Figures) -> None:
    """Let a process hang; infinite when nobody minds."""
    peer.add(job)
    Truth(job.port).wait()
    pid = pid_of(job)
    figures[HANG].append(_end(job, signal.SIGSTOP, HANG_PATIENCE))
    if figures[HANG][-1] == math.inf:
        os.kill(pid, signal.SIGCONT)
    peer.stop(job)


def _end(job: Job, number: signal.Signals, patience: float) -> float:
    """Send the job's process a signal; return the seconds until another one serves."""
    pidfd = os.pidfd_open(pid_of(job))
    try:
        began = time.perf_counter()
        signal.pidfd_send_signal(pidfd, number)
        gone, _, _ = select.select([pidfd], [], [], patience)
        return Truth(job.port).wait() - began if gone else math.inf
    finally:
        os.close(pidfd)


def _rows(what: str, figures: dict[str, Figures]) -> list[Row]:
    bare = [1000 * each for each in figures[BareLoop.name][what]]
    rows = []
    for name, values in figures.items():
        ours = [1000 * each for each in values[what]]
        if not ours or name == BareLoop.name:
            continue
        limit = LIMITS.get(what) if name == Ours.name else None
        beside = bare if what in LIMITS or what == STOP else None
        row = Row(what=f"{what}: {name}", unit="ms", ours=ours, bare=beside)
        if limit is not None:
            row = replace(row, target=f"<= {limit:g}x", met=row.ratio <= limit)
        elif what in (EARLY, EARLY_NEW) and name == Ours.name:
            met = min(ours) >= 0 and statistics.median(ours) <= 5
            row = replace(row, target="0 to 5 ms", met=met)
        rows.append(row)
    return rows
