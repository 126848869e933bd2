"""The two sides: our manager with one user, and a PocketBase that backs itself up."""

from __future__ import annotations

import io
import shutil
import signal
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import requests

from tests.backups.calls import Backups
from tests.backups.plain import PlainPocketBase
from tests.benchmarks.bare import wait_until_serving
from tests.house.manager import Manager, running_manager
from tests.house.test_access import mint

USER = "alice"
NAME = "benchmark.zip"
PATIENCE = 300.0


class Side(Protocol):
    """A PocketBase, and how it is backed up."""

    port: int
    pid: int

    @property
    def token(self) -> str:
        """A superuser's."""

    def back_up(self) -> bool:
        """Make one backup; whether it succeeded."""

    def clear(self) -> None:
        """Remove it."""


class Ours:
    """The manager's backups of its user, who runs."""

    def __init__(self, manager: Manager) -> None:
        self.manager = manager
        self.backups = Backups(manager, USER)
        self.run()

    def run(self) -> None:
        """Have it run."""
        instance = self.manager.api.run(USER)
        self.port, self.pid = instance["port"], instance["pid"]

    @property
    def token(self) -> str:
        """One that the manager mints."""
        return str(mint(self.manager, USER)["token"])

    def back_up(self) -> bool:
        """By the manager's API."""
        return self.backups.call("POST", "backups", timeout=PATIENCE).status_code == 200

    def clear(self) -> None:
        """Every one of them."""
        for each in self.backups.list():
            self.backups.done("DELETE", f"backups/{each['id']}")


class Theirs:
    """PocketBase's own backups."""

    def __init__(self, plain: PlainPocketBase) -> None:
        self._plain = plain
        self.port, self.pid = plain.port, plain.pid

    @property
    def token(self) -> str:
        """The one that it gave at the login."""
        return str(self._plain.http.headers["Authorization"])

    def back_up(self) -> bool:
        """By its API."""
        return self._call("POST", "backups", json={"name": NAME}).status_code == 204

    def restore(self) -> None:
        """Have it restore; it answers a second before it begins, and starts itself anew."""
        starts, deadline = self._starts(), time.monotonic() + PATIENCE
        assert self._call("POST", f"backups/{NAME}/restore").status_code == 204
        while self._starts() == starts:
            if time.monotonic() > deadline:
                raise TimeoutError("it does not start itself anew")
            time.sleep(0.001)
        wait_until_serving(self.port)

    def clear(self) -> None:
        """If it was made."""
        self._call("DELETE", f"backups/{NAME}")

    def _starts(self) -> int:
        return (self._plain.data.parent / "log").read_text().count("Server started at")

    def _call(self, method: str, path: str, **content: object) -> requests.Response:
        url = f"http://127.0.0.1:{self.port}/api/{path}"
        return self._plain.http.request(method, url, timeout=PATIENCE, **content)  # type: ignore[arg-type]


@contextmanager
def ours(data: Path, **settings: object) -> Iterator[Ours]:
    """Run a manager whose user has a copy of ``data``."""
    with running_manager(**settings) as manager:
        imported(manager, data)
        yield Ours(manager)


def imported(manager: Manager, data: Path) -> None:
    """Have the user there, stopped, with a copy of ``data``."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.write(data / "data.db", "data.db")
    Backups(manager, USER).done("POST", "import", data=archive.getbuffer(), timeout=PATIENCE)


@contextmanager
def theirs(data: Path, root: Path) -> Iterator[Theirs]:
    """Run a PocketBase on a copy of ``data``, without a manager."""
    shutil.copytree(data, root / "pb_data")
    plain = PlainPocketBase(root / "pb_data")
    try:
        plain.start()
        yield Theirs(plain)
    finally:
        plain.stop(signal.SIGKILL)  # after a restore of its own it may not hear SIGTERM
