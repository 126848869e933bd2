"""What is promised, kept under real faults; ``python -m tests.chaos`` has the long run."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.chaos.boot import boot
from tests.chaos.faults import FAULTS, Fault, data, instances, machine, managers, outside
from tests.chaos.kills import kill_repeatedly
from tests.chaos.run import plan, run

SEED = 20
SOON_OVER = (
    instances.kill_instances,
    instances.change_sleeper,
    managers.kill_manager_and_instances,
    outside.steal_port,
    outside.start_stray,
    outside.kill_subscriber,
    data.lose_data,
    machine.fill_disk,
)
"""Of each class the faults that take a second or so, and one of all that need another manager."""
TIMES_AS_MUCH = 3
"""So many times the CPU time of a boot with ten users on record may be that of one with 10,000.

It is 1.5 times, 50 us for each; more than 0.25 ms for each would be too much.
"""


@pytest.mark.timeout(120)
def test_faults_of_each_class_are_survived() -> None:
    """After some faults of each class, every invariant holds."""
    survive([fault for fault in FAULTS if fault.inject in SOON_OVER])


@pytest.mark.long
@pytest.mark.timeout(300)
def test_every_kind_of_fault_is_survived() -> None:
    """After one fault of each kind, every invariant holds."""
    survive(FAULTS)


def survive(faults: Sequence[Fault]) -> None:
    done = run(SEED, len(faults), among=faults, users=5)
    assert {step.fault.kind for step in done.steps} == {fault.kind for fault in faults}
    assert done.writes > 0


@pytest.mark.timeout(120)
def test_killed_managers_leave_the_instances_alone() -> None:
    """Five killed managers later, some while they started, the same processes run."""
    kill_repeatedly(5, SEED, instances=5)


@pytest.mark.timeout(120)
def test_boot_takes_time_for_those_who_run_only() -> None:
    """10,000 known users cost the start of the few who are to run next to nothing."""
    few, many = boot(10, 10), boot(10_000, 10)
    assert many.cpu < TIMES_AS_MUCH * few.cpu


def test_the_same_seed_draws_the_same_faults() -> None:
    """A run can be replayed."""
    assert plan(7, 100) == plan(7, 100)
    assert plan(7, 100) != plan(8, 100)
