"""Faults of single instances."""

from __future__ import annotations

from random import Random

from tests.chaos import procfs
from tests.chaos.errors import Violation
from tests.chaos.faults.pick import victim, victims
from tests.chaos.patience import wait_until
from tests.chaos.world import START_TIMEOUT, World

PATIENCE = 30.0


def kill_instances(world: World, draw: Random) -> None:
    """`kill -9` of one to three instances."""
    pids = world.pids()
    chosen = victims(world, draw, 3)
    world.tell(f"kill -9 of {chosen}")
    world.blow()
    for user in chosen:
        procfs.kill(pids[user])


def freeze_instance(world: World, draw: Random) -> None:
    """`SIGSTOP` of an instance, sometimes with a `kill -9` of the manager after it."""
    user = victim(world, draw)
    with_manager = draw.random() < 0.3
    world.tell(f"SIGSTOP of {user}, manager killed: {with_manager}")
    world.blow()
    procfs.freeze(world.pids()[user])
    if with_manager:
        world.manager.kill()
        world.manager.start()


def hang_start(world: World, draw: Random) -> None:
    """A start that hangs: timed out, hit by a `kill -9`, or left behind by a killed manager."""
    user = victim(world, draw)
    directory = world.instance(user)["db_path"]
    how = draw.choice(["timeout", "kill", "manager"])
    world.tell(f"start of {user} hangs: {how}")
    world.hanging.shut(directory)
    try:
        procfs.kill(world.pids()[user])
        hung = _wait_for_hung_process(world, user)
        if how == "timeout":
            _wait_for_timeout(world, user)
        elif how == "kill":
            procfs.kill(hung)
        else:
            world.manager.kill()
            world.manager.start()
    finally:
        world.hanging.release(directory)
    world.blow()


def _wait_for_hung_process(world: World, user: str) -> int:
    def is_starting() -> bool:
        instance = world.instance(user)
        return bool(instance["status"] == "Starting" and instance["pid"])

    wait_until(f"the start of {user} hangs", is_starting, PATIENCE)
    pid: int = world.instance(user)["pid"]
    return pid


def _wait_for_timeout(world: World, user: str) -> None:
    def is_given_up() -> bool:
        failure = world.instance(user)["failure"]
        return bool(failure and failure["cause"] == "start_timeout")

    took = wait_until(f"the hung start of {user} is given up", is_given_up, PATIENCE)
    if took > START_TIMEOUT + PATIENCE / 2:
        raise Violation(f"a hung start was given up after {took:.1f} s only")


def change_sleeper(world: World, draw: Random) -> None:
    """`stop_pb` of one instance and `init_pb` of the one that was stopped."""
    sleepers = [user for user in world.users if world.wanted[user] == "Stopped"]
    chosen = victim(world, draw)
    world.tell(f"{chosen} is stopped, {sleepers} started")
    world.stop(chosen)
    world.blow()
    for user in sleepers:
        world.init(user)
