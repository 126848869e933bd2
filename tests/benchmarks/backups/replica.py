"""Data that are lost: what of a user's last writes is missing, and how long until he is back.

The bucket is a real S3 server. Manager and Litestream are killed while somebody writes, and the
user's directory is removed: the manager that is started then takes the data out of the replica.
"""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.backups.calls import Backups
from tests.backups.plain import titles
from tests.benchmarks.backups.sides import PATIENCE, USER, imported
from tests.benchmarks.backups.writers import Client, Write
from tests.benchmarks.table import Row
from tests.house.manager import Manager, running_manager
from tests.house.test_access import mint
from tests.replication.s3 import Bucket, bucket

MOST_LOST = 2.0
"""Seconds of acknowledged writes that may be missing."""
WRITING = 6.0
"""Seconds for which somebody writes before the host is lost."""
PACE = 0.02
QUIET = 4.0
"""Seconds after which nothing more comes."""
LEAST = 100_000
"""Bytes that any copy has."""


def measure(data: Path, root: Path, rounds: int) -> list[Row]:
    """Lose the data so often."""
    lost, back = [], []
    for number in range(rounds):
        with bucket(root / f"s3.{number}") as users:
            missing, seconds = _lose_everything(data, users)
        lost.append(missing)
        back.append(seconds)
    return [
        Row(
            what="RPO: of what was acknowledged, missing after the loss",
            unit="s",
            ours=lost,
            target=f"<= {MOST_LOST:g} s",
            met=max(lost) <= MOST_LOST,
        ),
        Row(what="RTO: asked for the last moment, until he runs on it", unit="s", ours=back),
    ]


def _lose_everything(data: Path, users: Bucket) -> tuple[float, float]:
    with running_manager(**users.settings()) as manager:
        imported(manager, data)
        instance = manager.api.run(USER)
        _await_copy(users)
        client = Client(instance["port"], str(mint(manager, USER)["token"]))
        writes, lost_at = _write_until_lost(client, manager, instance["pid"])
        shutil.rmtree(manager.layout.data(USER))
        manager.start()
        began = time.monotonic()
        backups = Backups(manager, USER)
        at = datetime.now(UTC).isoformat()
        made = backups.done("POST", "backups", json={"at": at}, timeout=PATIENCE)["backup"]["id"]
        backups.done("POST", f"backups/{made}/restore", timeout=PATIENCE)
        kept = {*titles(Path(manager.api.run(USER)["db_path"]))}
        took = time.monotonic() - began
    missing = [at for title, at in writes if title not in kept]
    return (lost_at - missing[0] if missing else 0.0), took


def _await_copy(users: Bucket) -> None:
    """Return when the first whole copy has arrived: nothing has come for a while."""
    size, since = -1, time.monotonic()
    while time.monotonic() - since < QUIET:
        found = sum(path.stat().st_size for path in users.folder.rglob("*") if path.is_file())
        if found != size or found < LEAST:
            size, since = found, time.monotonic()
        time.sleep(0.2)


def _write_until_lost(
    client: Client, manager: Manager, pid: int
) -> tuple[list[tuple[str, float]], float]:
    """Return each title that was acknowledged, with when, and when the host was lost."""
    acknowledged: list[tuple[str, float]] = []
    done = threading.Event()

    def write() -> None:
        number = 0
        while not done.wait(PACE):
            try:
                title = f"write {number}"
                made: Write = client.write(title)
            except OSError:
                return
            if made.accepted:
                acknowledged.append((title, time.monotonic()))
            number += 1

    writer = threading.Thread(target=write)
    writer.start()
    time.sleep(WRITING)
    manager.kill()
    os.kill(pid, signal.SIGKILL)
    lost_at = time.monotonic()
    done.set()
    writer.join()
    return acknowledged, lost_at
