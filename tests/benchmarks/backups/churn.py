"""Backups while others write, upload and delete: do they succeed, and who pays for them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.backups.sides import Side, ours, theirs
from tests.benchmarks.backups.writers import Write, busy
from tests.benchmarks.table import Row

ALONE = 2.0
"""Seconds in which nothing is backed up, before each backup: what the writers take then."""
SLOWEST = 100.0
"""Milliseconds that a write may take while a backup is made."""
MORE_MEMORY = 1.1
"""By what factor PocketBase's memory may differ from that before the backup, by chance."""


@dataclass(slots=True)
class Found:
    """What was found on one side, backup by backup."""

    made: int = 0
    took: list[float] = field(default_factory=list)
    slowest: list[float] = field(default_factory=list)
    slowest_alone: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)
    memory_alone: list[float] = field(default_factory=list)


def measure(data: Path, root: Path, rounds: int) -> list[Row]:
    """Make so many backups on each side, in turn."""
    mine, bare = Found(), Found()
    with ours(data, backup_prove=0) as us, theirs(data, root) as them:
        for _ in range(rounds):
            _round(us, mine)
            _round(them, bare)
    return _rows(mine, bare, rounds)


def _round(side: Side, found: Found) -> None:
    with busy(side.port, side.token) as finish:
        _forget_peak(side.pid)
        time.sleep(ALONE)
        found.memory_alone.append(_peak(side.pid))
        _forget_peak(side.pid)
        began = time.monotonic()
        found.made += side.back_up()
        ended = time.monotonic()
        found.memory.append(_peak(side.pid))
        writes = finish()
    side.clear()
    assert all(write.accepted for write in writes)
    found.took.append(1000 * (ended - began))
    found.slowest.append(_slowest(writes, began, ended))
    found.slowest_alone.append(_slowest(writes, began - ALONE, began))


def _slowest(writes: list[Write], began: float, ended: float) -> float:
    """Of those that were under way within these moments, in milliseconds."""
    return 1000 * max(w.took for w in writes if began < w.began + w.took and w.began < ended)


def _rows(mine: Found, bare: Found, rounds: int) -> list[Row]:
    before, slowest = max(mine.memory_alone), max(mine.slowest)
    return [
        Row(
            what=f"backups under churn: made, of {rounds}",
            unit="",
            ours=[mine.made],
            bare=[bare.made],
            target=f"{rounds}",
            met=mine.made == rounds,
        ),
        Row(what="of them, each", unit="ms", ours=mine.took, bare=bare.took),
        Row(
            what="slowest write during any of them",
            unit="ms",
            ours=[slowest],
            bare=[max(bare.slowest)],
            target=f"<= {SLOWEST:g} ms",
            met=slowest <= SLOWEST,
        ),
        *_pair(
            "slowest write",
            "ms",
            (mine.slowest, mine.slowest_alone, bare.slowest, bare.slowest_alone),
        ),
        Row(
            what="PocketBase's peak memory during any",
            unit="MiB",
            ours=[max(mine.memory)],
            bare=[max(bare.memory)],
            target=f"<= {MORE_MEMORY:g} x {before:.0f} MiB",
            met=max(mine.memory) <= MORE_MEMORY * before,
        ),
        *_pair(
            "peak memory", "MiB", (mine.memory, mine.memory_alone, bare.memory, bare.memory_alone)
        ),
    ]


def _pair(what: str, unit: str, found: tuple[list[float], ...]) -> list[Row]:
    during, alone, bare_during, bare_alone = found
    return [
        Row(what=f"{what} during each", unit=unit, ours=during, bare=bare_during),
        Row(what=f"{what} in the {ALONE:g} s before each", unit=unit, ours=alone, bare=bare_alone),
    ]


def _forget_peak(pid: int) -> None:
    """Have the kernel begin anew to note the most memory that the process has (proc(5))."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak(pid: int) -> float:
    """The most memory that the process has had since, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)
