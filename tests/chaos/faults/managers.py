"""Faults of the manager."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos import procfs
from tests.chaos.errors import Violation
from tests.chaos.faults.pick import victims
from tests.chaos.manager import PATIENCE
from tests.chaos.patience import pause
from tests.chaos.world import World


@contextmanager
def no_gap_in_service(world: World) -> Iterator[None]:
    """Check that the same processes served on, and that no writer noticed anything."""
    before = _service(world)
    yield
    after = _service(world)
    if before != after:
        raise Violation(f"adoption was not without a gap: {before} became {after}")


def _service(world: World) -> dict[str, tuple[object, ...]]:
    return {
        user: (each["pid"], each["restarts"], each["started_at"], world.writers[user].failures)
        for user, each in world.instances().items()
        if each["status"] == "Running"
    }


def kill_manager(world: World, draw: Random) -> None:
    """`kill -9` of the manager, and a new one at once: nobody notices."""
    with no_gap_in_service(world):
        world.tell("kill -9 of the manager")
        world.blow()
        world.manager.kill()
        world.manager.start()
        world.settle(PATIENCE)


def kill_manager_and_instances(world: World, draw: Random) -> None:
    """`kill -9` of the manager and of one or more instances, in any order; then a new one."""
    pids = world.pids()
    chosen = victims(world, draw, len(pids))
    manager_first = draw.random() < 0.5
    world.tell(f"kill -9 of {chosen} and the manager, manager first: {manager_first}")
    world.blow()
    if manager_first:
        world.manager.kill()
    for user in chosen:
        procfs.kill(pids[user])
    if not manager_first:
        pause(draw.uniform(0, 0.1))
        world.manager.kill()
    world.manager.start()


def kill_manager_at_start(world: World, draw: Random) -> None:
    """`kill -9` of the manager, of the next ones while they start, and of an instance."""
    pids = world.pids()
    user = victims(world, draw)[0]
    delays = [draw.uniform(0.1, 0.9) for _ in range(draw.randint(1, 4))]
    world.tell(f"kill -9 of {user} and of managers {[round(each, 2) for each in delays]} s old")
    world.manager.kill()
    procfs.kill(pids[user])
    for delay in delays:
        world.manager.launch()
        pause(delay)
        world.manager.kill()
    world.blow()
    world.manager.start()


def restart_keep(world: World, draw: Random) -> None:
    """Graceful restart with `PB_ON_EXIT=keep`: nobody notices."""
    with no_gap_in_service(world):
        world.tell("graceful restart, keep")
        world.blow()
        world.manager.terminate()
        world.manager.start()
        world.settle(PATIENCE)


def restart_stop(world: World, draw: Random) -> None:
    """Graceful stop with `PB_ON_EXIT=stop`: nothing is left running; then a new manager."""
    world.tell("graceful stop and start, stop")
    world.manager.terminate()
    world.manager.start({"PB_ON_EXIT": "stop"})
    world.settle(PATIENCE)
    world.manager.terminate()
    left = procfs.servers(world.root)
    if left:
        raise Violation(f"left running by a manager that was to stop them: {left}")
    world.blow()
    world.manager.start()


def start_rival(world: World, draw: Random) -> None:
    """A second manager on the same directory: refused with the pid of the first."""
    with no_gap_in_service(world):
        world.tell("a second manager")
        world.blow()
        environ = {"PB_API_PORT": str(procfs.free_port()), "PB_LIVE_PORT": "off"}
        rival = world.manager.popen(environ, output=subprocess.PIPE)
        try:
            _, said = rival.communicate(timeout=PATIENCE)
        finally:
            rival.kill()
            rival.wait()
        if rival.returncode != 1 or f"(pid {world.manager.pid})".encode() not in said:
            raise Violation(f"the rival ended with {rival.returncode} and said {said[-500:]!r}")
