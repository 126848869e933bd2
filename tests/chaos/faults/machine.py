"""Faults of the machine."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from random import Random

from tests.chaos import procfs
from tests.chaos.errors import Violation
from tests.chaos.faults.managers import no_gap_in_service
from tests.chaos.faults.pick import victim
from tests.chaos.invariants import registry_is_reality
from tests.chaos.manager import PATIENCE
from tests.chaos.patience import pause, wait_until
from tests.chaos.world import World

HOUR = 3600
FULL_FOR = 1.5
"""Seconds that the disk stays full."""
CATCH_UP = 30.0
"""Seconds until the registry has what it could not be told while the disk was full."""
AFTER_JUMP = 1.5
"""Seconds that a manager has to take a jump amiss: longer than a round of health checks."""


def fill_disk(world: World, draw: Random) -> None:
    """A full disk, perhaps with a `kill -9` of an instance or of the manager; then room again."""
    how = draw.choice(["nothing else", "instance", "manager"])
    user = victim(world, draw)
    pid = world.pids()[user]
    world.tell(f"a full disk, killed: {how} ({user})")
    world.disk.fill()
    try:
        pause(FULL_FOR / 2)
        if how == "instance":
            procfs.kill(pid)
        elif how == "manager":
            world.manager.kill()
            world.manager.launch()
        pause(FULL_FOR / 2)
    finally:
        world.disk.free()
    world.blow()
    if how == "manager":
        _relaunch_if_refused(world)
    world.settle(PATIENCE)
    wait_until("the registry has caught up", lambda: _registry_is_reality(world), CATCH_UP)


def _registry_is_reality(world: World) -> bool:
    try:
        registry_is_reality(world)
    except (Violation, ConnectionError, sqlite3.Error):
        return False
    return True


def _relaunch_if_refused(world: World) -> None:
    """A manager may refuse to start on a full disk; then its supervisor starts it again."""
    pause(FULL_FOR)
    try:
        ended = not world.manager.is_up()
    except Violation:
        ended = True
    if ended and not world.manager.runs():
        world.tell("the manager refused to start on the full disk")
        world.manager.start()


def jump_clock(world: World, draw: Random) -> None:
    """The clock jumps by an hour, forward and back: nobody notices, and timers still work."""
    hours = draw.choice([1, -1])
    user = victim(world, draw)
    world.tell(f"the clock jumps by {hours} h; then kill -9 of {user}")
    environ = world.clock.environ()
    world.clock.set(0)
    with no_gap_in_service(world):
        world.manager.terminate()
        world.manager.start(environ)
        world.settle(PATIENCE)
        for seconds in (hours * HOUR, 0, hours * HOUR):
            world.clock.set(seconds)
            _check_clock(world, seconds)
            pause(AFTER_JUMP)
    world.blow()
    procfs.kill(world.pids()[user])
    world.settle(PATIENCE)
    world.manager.terminate()
    world.manager.start()


def _check_clock(world: World, seconds: int) -> None:
    """See that the manager takes the time for what it was made to be."""

    def has_jumped() -> bool:
        _, body = world.manager.call("GET", "/health/pb")
        ahead = datetime.fromisoformat(body["timestamp"]) - datetime.now(UTC)
        return abs(ahead.total_seconds() - seconds) < HOUR / 10

    wait_until(f"the manager's clock is {seconds} s ahead", has_jumped, PATIENCE)
