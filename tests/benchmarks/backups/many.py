"""Many users who stand still: how long until each of them has a backup."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime
from pathlib import Path

from actors.data.userdata import read_identity
from actors.layout import Layout
from actors.records import Record
from actors.store import Store
from bus.states import Desired, Status
from tests.benchmarks.table import Row
from tests.house.manager import Manager, manager_of

LONGEST = 60.0
"""Seconds, on two cores."""
GIVEN_UP = 600.0


def measure(data: Path, count: int) -> list[Row]:
    """Give so many stopped users a copy of ``data``; launch a manager that backs them up."""
    with manager_of(backup_interval=86_400) as manager:
        _populate(manager.layout, data, count)
        manager.start()
        began = time.monotonic()
        while _made(manager) < count:
            if time.monotonic() - began > GIVEN_UP:
                raise TimeoutError(f"{_made(manager)} of {count} are made")
            time.sleep(0.5)
        took = time.monotonic() - began
        manager.stop()
    size = (data / "data.db").stat().st_size / 1e6
    return [
        Row(
            what=f"{count} stopped users of {size:.1f} MB: all backed up",
            unit="s",
            ours=[took],
            target=f"< {LONGEST:g} s",
            met=took < LONGEST,
        )
    ]


def _populate(layout: Layout, data: Path, count: int) -> None:
    layout.prepare()
    store, identity, now = Store(layout.registry), read_identity(data), datetime.now(UTC)
    for number in range(count):
        user_id = f"user{number}"
        shutil.copytree(data, layout.data(user_id))
        store.put(
            Record(
                user_id=user_id,
                status=Status.STOPPED,
                desired=Desired.STOPPED,
                reason="It was stopped",
                created_at=now,
                stopped_at=now,
                identity=identity,
            )
        )
    store.close()


def _made(manager: Manager) -> int:
    """How many there are: each has an entry once it is whole."""
    return sum(1 for _ in manager.layout.backups_root.glob("*/*.json"))
