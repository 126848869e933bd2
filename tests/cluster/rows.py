"""Rows that a user writes into its PocketBase, and that are looked for later."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

from actors.cluster.directory import Place
from actors.layout import directory_name
from tests.chaos.rest import Rest
from tests.chaos.writer import PATH, provide, read_back, value_of
from tests.house.caller import Json
from tests.house.surroundings import PATIENCE
from tests.house.tenant import POCKETBASE

LITESTREAM = Path(sys.executable).with_name("litestream")


class Rows:
    """What a user writes, as its superuser."""

    def __init__(self, instance: Json) -> None:
        self._user = instance["user_id"]
        self._host, self._port = _where(instance)
        self.token = provide(str(POCKETBASE), instance, self._host)
        self.written = 0

    @classmethod
    def again(cls, instance: Json, former: Rows) -> Rows:
        """Go on where the instance is now."""
        rows = cls.__new__(cls)
        rows._user = former._user
        rows._host, rows._port = _where(instance)
        rows.token, rows.written = former.token, former.written
        return rows

    def write(self, count: int) -> None:
        """Write so many more; each is acknowledged."""
        rest = Rest(self._port, host=self._host, token=self.token, timeout=PATIENCE)
        for _ in range(count):
            self.written += 1
            note = {
                "owner": self._user,
                "number": self.written,
                "value": value_of(self._user, self.written),
            }
            status, answer = rest.call("POST", PATH, note)
            assert status == 200, answer
        rest.close()


def _where(instance: Json) -> tuple[str, int]:
    """The address at which it listens."""
    url = urlsplit(str(instance["url"]))
    assert url.hostname is not None
    assert url.port is not None
    return url.hostname, url.port


def numbers_at(place: Place) -> list[int]:
    """The rows that are found where the user runs now."""
    assert place.address is not None
    host, _, port = place.address.rpartition(":")
    return [int(row["number"]) for row in read_back(int(port), host=host)]


def copied(replica: Path, user_id: str) -> int:
    """How many rows a restore would find now."""
    generation = max(path for path in (replica / directory_name(user_id)).glob("e0*"))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "data.db"
        command = [str(LITESTREAM), "restore", "-o", str(target), f"file://{generation}"]
        ended = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False)
        if ended.returncode:
            return 0
        with closing(sqlite3.connect(target)) as database:
            try:
                (found,) = database.execute("SELECT count(*) FROM notes").fetchone()
            except sqlite3.OperationalError:  # not even the table
                return 0
            return int(found)
