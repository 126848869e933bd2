"""Faults of a user's data."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

from tests.chaos.errors import Violation
from tests.chaos.faults.outside import stand_down
from tests.chaos.faults.pick import victim
from tests.chaos.patience import wait_until
from tests.chaos.world import World

PATIENCE = 30.0


def _delete(path: Path, other: Path) -> None:
    path.unlink()


def _empty(path: Path, other: Path) -> None:
    os.truncate(path, 0)


def _truncate(path: Path, other: Path) -> None:
    os.truncate(path, 5_000)


def _overwrite(path: Path, other: Path) -> None:
    with path.open("r+b") as file:
        file.write(b"no database at all")


def _exchange(path: Path, other: Path) -> None:
    # A copy that is whole, though its owner may be writing now.
    path.unlink()
    source = sqlite3.connect(f"{other.as_uri()}?mode=ro", uri=True)
    with closing(source), closing(sqlite3.connect(path)) as copy:
        source.backup(copy)


HARMS: dict[str, tuple[Callable[[Path, Path], None], str]] = {
    "deleted": (_delete, "data_missing"),
    "emptied": (_empty, "data_missing"),
    "truncated": (_truncate, "data_corrupt"),
    "overwritten": (_overwrite, "data_corrupt"),
    "exchanged": (_exchange, "data_foreign"),
}
"""What is done to ``data.db`` (given another user's), and the cause that must be named."""


def lose_data(world: World, draw: Random) -> None:
    """`data.db` deleted, cut or another's while down: refused, untouched, put back."""
    user = victim(world, draw)
    harm = draw.choice(sorted(HARMS))
    without_manager = harm in ("deleted", "emptied") and draw.random() < 0.5
    world.tell(f"data.db of {user} {harm}, without manager: {without_manager}")
    database = Path(world.instance(user)["db_path"]) / "data.db"
    other = next(each for each in world.users if each != user)
    foreign = Path(world.instance(other)["db_path"]) / "data.db"
    stand_down(world, user, without_manager=without_manager)
    safe = database.parent.parent / "saved.db"
    shutil.copy2(database, safe)
    try:
        HARMS[harm][0](database, foreign)
        _refused(world, user, database.parent, HARMS[harm][1], without_manager=without_manager)
    finally:
        safe.replace(database)
    world.blow()
    world.init(user)


def _refused(
    world: World, user: str, directory: Path, cause: str, *, without_manager: bool
) -> None:
    """See that nothing is started and nothing is touched."""
    before = _fingerprint(directory)
    if without_manager:
        world.manager.start()
        world.wanted[user] = "Running"
    else:
        status, body = world.manager.call("POST", f"/api/users/{user}/init_pb")
        if status != 500 or body["code"] != "io_error":
            raise Violation(f"init_pb without the data: {status} {body}")
    wait_until("it has failed", lambda: world.instance(user)["status"] == "Failed", PATIENCE)
    instance = world.instance(user)
    if instance["failure"]["cause"] != cause or instance["pid"] is not None:
        raise Violation(f"the cause is {cause}, pb_status says {instance}")
    after = _fingerprint(directory)
    if before != after:
        raise Violation(f"the refused directory was touched: {_difference(before, after)}")


def _fingerprint(directory: Path) -> dict[str, tuple[int, str]]:
    """Every file with its size and contents."""
    return {
        str(path.relative_to(directory)): (
            path.stat().st_size,
            hashlib.sha256(path.read_bytes()).hexdigest(),
        )
        for path in directory.rglob("*")
        if path.is_file()
    }


def _difference(
    before: dict[str, tuple[int, str]], after: dict[str, tuple[int, str]]
) -> dict[str, tuple[object, object]]:
    return {
        name: (before.get(name), after.get(name))
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    }
