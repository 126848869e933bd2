"""What must hold after each fault, once every instance is back: one small function each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.chaos import procfs
from tests.chaos.errors import Overdue, Violation
from tests.chaos.patience import wait_until
from tests.chaos.sampler import doubles
from tests.chaos.world import World
from tests.chaos.writer import read_back, value_of

EVENT_PATIENCE = 15.0
"""Seconds until a subscriber knows what ``pb_instances`` says."""


def no_write_is_lost_or_anothers(world: World) -> None:
    """Every acknowledged write is there as it was written, and nothing of anybody else."""
    for user, instance in world.instances().items():
        if instance["port"] is not None:
            acknowledged = set(world.writers[user].acknowledged)
            notes = read_back(instance["port"])
            _check_owner(user, notes)
            _check_complete(user, acknowledged, notes)


def _check_owner(user: str, notes: list[dict[str, Any]]) -> None:
    for note in notes:
        if note["owner"] != user or note["value"] != value_of(user, note["number"]):
            raise Violation(f"{user} is served another's data: {note}")


def _check_complete(user: str, acknowledged: set[int], notes: list[dict[str, Any]]) -> None:
    lost = acknowledged - {note["number"] for note in notes}
    if lost:
        raise Violation(
            f"{len(lost)} of {len(acknowledged)} acknowledged writes of {user} are lost: "
            f"{sorted(lost)[:10]} ..."
        )


def never_two_processes(world: World) -> None:
    """No directory is served twice, and none was when anybody looked."""
    found = world.sampler.doubles + doubles(world.root)
    if found:
        raise Violation(f"two processes on one directory: {found}")


def no_orphan(world: World) -> None:
    """What runs is what ``pb_instances`` says, and nothing else."""
    running = {each.pid: each.directory for each in procfs.servers(world.root)}
    said = {each["pid"]: each["db_path"] for each in world.instances().values() if each["pid"]}
    if running != said:
        raise Violation(f"there run {running}, pb_instances says {said}")


def no_leaked_port(world: World) -> None:
    """Each instance listens on its own port, and nobody on any other port of the range."""
    listeners = procfs.listeners(world.ports)
    for user, instance in world.instances().items():
        if instance["port"] is not None:
            inode = listeners.pop(instance["port"], None)
            if inode not in procfs.sockets(instance["pid"]):
                raise Violation(f"{user} does not listen on its port {instance['port']}")
    if listeners:
        raise Violation(f"leaked ports: {sorted(listeners)}")


def no_leaked_lock(world: World) -> None:
    """The lock of a directory is held exactly while a process serves it."""
    control = world.settings.control_path
    for instance in world.instances().values():
        lock = control / "locks" / f"{Path(instance['db_path']).name}.lock"
        if procfs.is_locked(lock) != (instance["pid"] is not None):
            raise Violation(f"{lock.name}: the instance is {instance['status']}")
    holder = (control / "manager.lock").read_text().strip()
    if holder != str(world.manager.pid):
        raise Violation(f"the manager's lock names pid {holder}, it is {world.manager.pid}")


def registry_is_reality(world: World) -> None:
    """The registry on disk says what ``pb_instances`` says, and names the very processes."""
    rows = read_registry(world.settings.control_path / "registry.db")
    instances = world.instances()
    if set(rows) != set(instances):
        raise Violation(f"the registry knows {set(rows)}, pb_instances {set(instances)}")
    for user, instance in instances.items():
        row = rows[user]
        said = {name: instance[name] for name in ("status", "desired", "pid", "restarts")}
        kept = {name: row[name] for name in said}
        if kept != said or (instance["port"] is not None and row["port"] != instance["port"]):
            raise Violation(f"{user}: the registry says {kept}, pb_instances {said}")
        _check_process(user, row)


def _check_process(user: str, row: dict[str, Any]) -> None:
    server = None if row["pid"] is None else procfs.look(row["pid"])
    if row["pid"] is not None and (server is None or server.ticks != row["start_ticks"]):
        raise Violation(f"{user}: the registry names a process that is not there: {row}")


def read_registry(path: Path) -> dict[str, dict[str, Any]]:
    """The rows of the registry by user, read without writing."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as database:
        database.row_factory = sqlite3.Row
        rows = database.execute("SELECT * FROM instances").fetchall()
    return {row["user_id"]: dict(row) for row in rows}


def events_are_whole(world: World) -> None:
    """A subscriber was told everything in order, and knows what ``pb_instances`` says."""

    def knows() -> bool:
        said = {user: each["status"] for user, each in world.instances().items()}
        return world.watcher.view.statuses == said

    try:
        wait_until("a subscriber's view is that of pb_instances", knows, EVENT_PATIENCE)
    except Overdue as error:
        raise Violation(f"{error}: it is {world.watcher.view.statuses}") from error
    if world.watcher.view.holes:
        raise Violation(f"the story of the events has holes: {world.watcher.view.holes}")


INVARIANTS: dict[str, Callable[[World], None]] = {
    "no acknowledged write lost, no user served another's data": no_write_is_lost_or_anothers,
    "never two processes on one directory": never_two_processes,
    "no orphan": no_orphan,
    "no leaked port": no_leaked_port,
    "no leaked lock": no_leaked_lock,
    "registry = reality": registry_is_reality,
    "every event sequence whole": events_are_whole,
}
"""Besides these, every instance must be back to its desired state within the fault's deadline."""


def check(world: World) -> None:
    """Check all of them; the first that does not hold raises :class:`Violation`."""
    for name, invariant in INVARIANTS.items():
        try:
            invariant(world)
        except (Violation, ConnectionError, sqlite3.Error) as error:
            raise Violation(f"{name}: {error}") from error
