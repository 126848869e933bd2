"""What is measured, how often, where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How often each thing is done."""

    starts: int
    cycles: int
    """Starts and stops that a subscriber listens to: four events each."""
    requests: int
    load_seconds: int
    rounds: int
    """How often the load and the fleet are repeated, ours and bare in turn."""
    fleet: int
    idle_seconds: float
    rounds_of_peers: int
    burst: int
    sleeping: int
    crowd: int
    """As many are started at once, and by a boot."""
    day_seconds: float
    visits: int
    """Of that simulated day."""


FULL = Counts(
    starts=60,
    cycles=50,
    requests=2000,
    load_seconds=5,
    rounds=3,
    fleet=200,
    idle_seconds=30,
    rounds_of_peers=20,
    burst=20_000,
    sleeping=10_000,
    crowd=500,
    day_seconds=240,
    visits=3000,
)
QUICK = Counts(
    starts=8,
    cycles=8,
    requests=300,
    load_seconds=1,
    rounds=1,
    fleet=20,
    idle_seconds=5,
    rounds_of_peers=3,
    burst=2_000,
    sleeping=1_000,
    crowd=20,
    day_seconds=20,
    visits=150,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One row's directory, the binary and the counts."""

    root: Path
    binary: str
    counts: Counts
