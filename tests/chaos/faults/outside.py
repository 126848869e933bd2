"""Faults that come from other programs."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos import procfs
from tests.chaos.errors import Violation
from tests.chaos.faults.pick import victim
from tests.chaos.patience import pause, wait_until
from tests.chaos.rest import answers
from tests.chaos.world import World

PATIENCE = 30.0


def steal_port(world: World, draw: Random) -> None:
    """A stranger on the user's port, taken while stopped or while no manager was there."""
    user = victim(world, draw)
    port = world.instance(user)["port"]
    without_manager = draw.random() < 0.5
    world.tell(f"port {port} of {user} stolen, without manager: {without_manager}")
    stand_down(world, user, without_manager=without_manager)
    with _stranger(port):
        stand_up(world, user, without_manager=without_manager)
        world.settle(PATIENCE)
        if world.instance(user)["port"] == port:
            raise Violation(f"{user} runs on port {port}, which is a stranger's")


def stand_down(world: World, user: str, *, without_manager: bool) -> None:
    """End the user's instance: by ``stop_pb``, or by the death of everybody."""
    if without_manager:
        pid = world.pids()[user]
        world.manager.kill()
        procfs.kill(pid)
    else:
        world.stop(user)


def stand_up(world: World, user: str, *, without_manager: bool) -> None:
    """Have it running again: by ``init_pb``, or by a new manager."""
    world.blow()
    if without_manager:
        world.manager.start()
    else:
        world.init(user)


@contextmanager
def _stranger(port: int) -> Iterator[None]:
    """Listen on ``port`` like somebody who has nothing to do with us."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wait_until(f"port {port} is free", lambda: _binds(listener, port), PATIENCE)
        listener.listen()
        yield


def _binds(listener: socket.socket, port: int) -> bool:
    try:
        listener.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def start_stray(world: World, draw: Random) -> None:
    """Somebody's own PocketBase on the directory of an instance that is down."""
    user = victim(world, draw)
    directory = world.instance(user)["db_path"]
    without_manager = draw.random() < 0.5
    world.tell(f"a stray on {user}, without manager: {without_manager}")
    stand_down(world, user, without_manager=without_manager)
    with _stray(world.binary, directory) as stray:
        stand_up(world, user, without_manager=without_manager)
        world.settle(PATIENCE)
        if stray.poll() is None:
            raise Violation(f"the stray on {user}'s directory still runs")


@contextmanager
def _stray(binary: str, directory: str) -> Iterator[subprocess.Popen[bytes]]:
    port = procfs.free_port()
    command = [binary, "serve", f"--http=127.0.0.1:{port}", f"--dir={directory}", "--dev=0"]
    stray = subprocess.Popen(
        command,
        cwd=directory,
        env={"PATH": "", "HOME": directory},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_until("the stray serves", lambda: answers(port), PATIENCE)
        yield stray
    finally:
        stray.kill()
        stray.wait()


def kill_subscriber(world: World, draw: Random) -> None:
    """`kill -9` of a subscriber and of an instance; the subscriber is revived meanwhile."""
    user = victim(world, draw)
    world.tell(f"kill -9 of the subscriber and of {user}")
    pids = world.pids()
    world.watcher.kill()
    procfs.kill(pids[user])
    pause(draw.uniform(0, 0.5))
    world.blow()
    world.watcher.start()
