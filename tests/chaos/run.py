"""A run: faults drawn from a seed, one after the other, and the invariants after each."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos import invariants
from tests.chaos.errors import Skip, Violation
from tests.chaos.faults import FAULTS, Fault
from tests.chaos.world import World

USERS = 6
FINAL_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Step:
    """What one fault did, and how long it took to recover from it."""

    number: int
    fault: Fault
    story: str
    recovery: float | None
    """Seconds; None: it was skipped."""

    def __str__(self) -> str:
        took = "skipped" if self.recovery is None else f"{self.recovery:6.2f} s"
        return f"step {self.number:3} {took}  {self.fault.kind}: {self.story}"


@dataclass(frozen=True, slots=True)
class Run:
    """A whole run."""

    seed: int
    users: int
    steps: Sequence[Step]
    writes: int
    """Writes that were acknowledged, all of which were read back at the end."""
    looks: int
    """How often all processes were looked at for two on one directory."""
    updates: int
    """What the subscriber was told."""
    seconds: float


def plan(seed: int, count: int, among: Sequence[Fault] = FAULTS) -> list[Fault]:
    """Draw ``count`` faults: every kind comes once before any comes again."""
    draw, drawn = Random(seed), list[Fault]()
    while len(drawn) < count:
        drawn += draw.sample(among, len(among))
    return drawn[:count]


def run(
    seed: int,
    count: int,
    *,
    among: Sequence[Fault] = FAULTS,
    users: int = USERS,
    say: Callable[[str], None] = print,
) -> Run:
    """Make the faults; raise :class:`Violation` naming seed and step when something breaks."""
    began = time.monotonic()
    steps: list[Step] = []
    with (
        tempfile.TemporaryDirectory(prefix="pblm-chaos-") as folder,
        World(Path(folder), users=users) as world,
    ):
        for number, fault in enumerate(plan(seed, count, among), 1):
            steps.append(_step(world, seed, number, fault))
            say(f"{time.monotonic() - began:7.1f} s  {steps[-1]}")
        _final(world)
        return Run(
            seed=seed,
            users=users,
            steps=steps,
            writes=sum(len(writer.acknowledged) for writer in world.writers.values()),
            looks=world.sampler.looks,
            updates=world.watcher.view.updates,
            seconds=time.monotonic() - began,
        )


def _step(world: World, seed: int, number: int, fault: Fault) -> Step:
    world.story.clear()
    recovery: float | None = None
    try:
        fault.inject(world, Random(f"{seed}/{number}"))
        recovery = world.settle(fault.deadline)
        invariants.check(world)
    except Skip as reason:
        world.tell(str(reason))
    except (Violation, ConnectionError) as error:
        raise Violation(
            f"{error}\nseed {seed}, step {number}, {fault.kind}: {'; '.join(world.story)}\n"
            f"the manager's last lines:\n{world.manager.last_lines()}"
        ) from error
    return Step(number, fault, "; ".join(world.story), recovery)


def _final(world: World) -> None:
    """Have everybody running, so that everything can be read back."""
    for user in world.users:
        world.init(user)
    world.settle(FINAL_PATIENCE)
    for writer in world.writers.values():
        writer.close()
    invariants.check(world)
