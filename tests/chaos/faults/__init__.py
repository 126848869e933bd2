"""The faults: each does its harm, and leaves a world that is to recover by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.chaos.faults import data, instances, machine, managers, outside
from tests.chaos.world import World


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault. Its function draws the particulars and calls ``world.blow()``."""

    inject: Callable[[World, Random], None]
    since: str
    """From when on the recovery is measured."""
    deadline: float = 45.0
    """Seconds until every instance must be back."""

    @property
    def kind(self) -> str:
        """Its name."""
        return self.inject.__name__

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return (self.inject.__doc__ or "").partition("\n")[0].rstrip(".")


FAULTS = (
    Fault(instances.kill_instances, "the kill"),
    Fault(instances.freeze_instance, "the stop signal", 60.0),
    Fault(instances.hang_start, "the start may go on"),
    Fault(instances.change_sleeper, "`init_pb`"),
    Fault(managers.kill_manager, "the kill"),
    Fault(managers.kill_manager_and_instances, "the kills"),
    Fault(managers.kill_manager_at_start, "the last kill"),
    Fault(managers.restart_keep, "the signal to end"),
    Fault(managers.restart_stop, "the new manager's launch"),
    Fault(managers.start_rival, "the rival's launch"),
    Fault(outside.steal_port, "`init_pb` or the new manager's launch"),
    Fault(outside.start_stray, "`init_pb` or the new manager's launch"),
    Fault(outside.kill_subscriber, "its revival"),
    Fault(data.lose_data, "`init_pb` after the data was put back"),
    Fault(machine.fill_disk, "the room is back", 90.0),
    Fault(machine.jump_clock, "the signal to end"),
)
"""Every kind, in the order of the report."""
