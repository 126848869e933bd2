"""End Litestream or PocketBase again and again, under writes: no replica may be damaged.

``python -m tests.replication --users 8 --rounds 8 --seed 1``

At the end each user's replica is restored and checked as a whole, and every write that was
acknowledged must be in it. Exit status 1 when one is damaged or a write is missing.
"""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from random import Random

import requests

from tests.house.manager import Manager, running_manager
from tests.house.surroundings import PATIENCE
from tests.house.tenant import POCKETBASE, Tenant
from tests.house.test_access import mint
from tests.replication.test_replicating import child, generations, restored

FAULTS = ("kill litestream", "kill pocketbase", "stop", "write while stopped")
LENGTHS = (10, 500, 3000)
"""Of what is written: a log of a thousand pages is full within seconds."""


class Writer(threading.Thread):
    """Writes without pause wherever the user's instance is, and remembers what was acknowledged."""

    def __init__(self, manager: Manager, user_id: str, draw: Random) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        self.done = threading.Event()
        self._http = requests.Session()
        self._url = ""
        self._manager = manager
        self._user_id = user_id
        self._draw = draw

    def run(self) -> None:
        for number in itertools.count():
            try:
                self._write(f"{number}-{'x' * self._draw.choice(LENGTHS)}")
            except (requests.RequestException, AssertionError):
                self._url = ""
                self.done.wait(0.05)
            if self.done.is_set():
                return

    def _write(self, title: str) -> None:
        if not self._url:
            instance = self._manager.api.instance(self._user_id)
            assert instance["status"] == "Running"
            token = mint(self._manager, self._user_id)["token"]
            self._http.headers["Authorization"] = token
            self._url = f"{instance['url']}/api/collections/notes/records"
        answer = self._http.post(self._url, json={"title": title}, timeout=5)
        assert answer.status_code == 200, answer.text
        self.acknowledged.append(title)


def disturb(manager: Manager, user_id: str, fault: str) -> None:
    """Do it to the user's instance, if it runs."""
    instance = manager.api.instance(user_id)
    if instance["status"] == "Running":
        try:
            match fault:
                case "kill litestream":
                    os.kill(instance["pid"], signal.SIGKILL)
                case "kill pocketbase":
                    os.kill(child(instance), signal.SIGKILL)
                case "stop":
                    manager.api.stop(user_id)
                case _:
                    manager.api.stop(user_id)
                    command = [
                        str(POCKETBASE),
                        "superuser",
                        "upsert",
                        "x@y.zz",
                        os.urandom(8).hex(),
                    ]
                    subprocess.run([*command, "--dir", instance["db_path"]], check=True)
        except (ProcessLookupError, ValueError):
            return  # it was just ending
    manager.api.init_pb(user_id)


def check(manager: Manager, writer: Writer, user_id: str, target: Path) -> bool:
    """Say what the user's replica is worth."""
    try:
        kept = set(restored(manager, user_id, target))
    except subprocess.CalledProcessError as error:
        print(f"{user_id}: DAMAGED: {error}")
        return False
    missing = [title for title in writer.acknowledged if title not in kept]
    count = len(generations(manager, user_id))
    print(
        f"{user_id}: {len(writer.acknowledged)} acknowledged, {len(missing)} missing, {count} gen."
    )
    return not missing


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    draw = Random(options.seed)
    users = [f"user{number}" for number in range(options.users)]
    with (
        tempfile.TemporaryDirectory(prefix="pblm-replicas-") as name,
        running_manager(replica_url=f"{name}/replicas", port_range=100) as manager,
    ):
        for user_id in users:
            Tenant(manager.api.run(user_id)).make_collection("notes")
        writers = {user_id: Writer(manager, user_id, Random(user_id)) for user_id in users}
        for writer in writers.values():
            writer.start()
        for _ in range(options.rounds):
            for user_id in users:
                disturb(manager, user_id, draw.choice(FAULTS))
            threading.Event().wait(draw.uniform(0.3, 2.0))
        for user_id, writer in writers.items():
            writer.done.set()
            writer.join(PATIENCE)
            manager.api.stop(user_id)
        worth = [check(manager, writers[u], u, Path(name, f"{u}.db")) for u in users]
    return 0 if all(worth) else 1


if __name__ == "__main__":
    sys.exit(main())
