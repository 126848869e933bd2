"""A spare that became a user's, idle until PocketBase has closed its database, then written to.

PocketBase opens it again by the path that the spare began with. ``python -m tests.chaos.idle``
takes a little more than three minutes; it ends with status 1 when a write is not where it belongs.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from pathlib import Path

from tests.chaos.patience import wait_until
from tests.house.caller import Json
from tests.house.manager import running_manager
from tests.house.surroundings import eventually
from tests.house.tenant import Tenant

CLOSES = 300.0
"""Seconds within which PocketBase closes what is not used: it does after three minutes."""
PAUSE = 2.0


def main() -> int:
    """Write before and after; return 0 when both are in the user's own directory."""
    with running_manager(seeds=2, spares=1) as manager:
        spare = re.compile(r"pid (\d+) is a spare")
        eventually(lambda: spare.search(manager.log.read_text()) is not None, "there is a spare")
        instance = manager.api.run("ann")
        found = spare.search(manager.log.read_text())
        assert found is not None
        assert instance["pid"] == int(found[1]), "it is the spare's process"
        tenant = Tenant(instance)
        tenant.make_collection("notes")
        tenant.write("notes", "before")
        path = f"{instance['db_path']}/data.db"
        seconds = wait_until(
            "it is closed", lambda: not _has_open(instance["pid"], path), CLOSES, poll=PAUSE
        )
        tenant.write("notes", "after")
        titles = [title for (title,) in _read(instance)]
    print(f"closed after {seconds:.0f} s; in {instance['db_path']}: {titles}")
    return 0 if titles == ["before", "after"] else 1


def _has_open(pid: int, path: str) -> bool:
    files = Path(f"/proc/{pid}/fd")
    return any(os.readlink(file) == path for file in files.iterdir())


def _read(instance: Json) -> list[tuple[str]]:
    database = sqlite3.connect(f"file:{instance['db_path']}/data.db?mode=ro", uri=True)
    try:
        return database.execute("SELECT title FROM notes ORDER BY rowid").fetchall()
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
