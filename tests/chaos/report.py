"""The table of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tests.chaos.faults import FAULTS, Fault
from tests.chaos.invariants import INVARIANTS
from tests.chaos.run import Run, Step


def markdown(run: Run) -> str:
    """The run as a page."""
    rows = [_row(fault, run.steps) for fault in FAULTS]
    done = [step for step in run.steps if step.recovery is not None]
    total = _cells("**all**", len(run.steps), [step.recovery or 0 for step in done], "")
    return "\n".join(
        [
            "# A chaos run",
            "",
            "Real PocketBases, real writers, faults drawn at random. After each, all this holds:",
            "every instance is back to its desired state within its deadline,",
            *(f"{name};" for name in list(INVARIANTS)[:-1]),
            f"{list(INVARIANTS)[-1]}.",
            "",
            "To repeat it:",
            "",
            f"    python -m tests.chaos --faults {len(run.steps)} --seed {run.seed} "
            f"--users {run.users}",
            "",
            "A run ends with status 1, the seed and the step when one of them is violated.",
            "`python -m tests.chaos.kills --kills 1000` kills a manager of 20 instances again and",
            "again; `python -m tests.chaos.boot` boots one that knows 10,000 users.",
            "",
            "| fault | times | recovered | p50 s | p99 s | worst s | measured from |",
            "|---|---:|---:|---:|---:|---:|---|",
            *rows,
            total,
            "",
            f"Seed {run.seed}, {run.users} users, {run.seconds / 60:.0f} minutes. "
            f"{run.writes} acknowledged writes, all read back. "
            f"All processes were looked at {run.looks} times for two on one directory. "
            f"A subscriber was told {run.updates} updates.",
            *_skipped(run.steps),
            "",
        ]
    )


def _row(fault: Fault, steps: Sequence[Step]) -> str:
    mine = [step for step in steps if step.fault is fault]
    times = [step.recovery for step in mine if step.recovery is not None]
    return _cells(fault.title, len(mine), times, fault.since)


def _cells(title: str, count: int, times: Sequence[float], since: str) -> str:
    numbers = [percentile(times, 50), percentile(times, 99), percentile(times, 100)]
    texts = [f"{number:.2f}" if times else "" for number in numbers]
    return f"| {title} | {count} | {len(times)} | {' | '.join(texts)} | {since} |"


def percentile(values: Sequence[float], share: float) -> float:
    """The least value that ``share`` percent of the values do not exceed (nearest rank)."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(len(values) * share / 100) - 1)]


def _skipped(steps: Sequence[Step]) -> list[str]:
    reasons = {step.fault.title: step.story for step in steps if step.recovery is None}
    return [f"\nSkipped: {title}: {reason}" for title, reason in reasons.items()]
