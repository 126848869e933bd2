"""A PocketBase as somebody runs it who has no manager."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.house.surroundings import PATIENCE, eventually
from tests.house.tenant import PASSWORD, POCKETBASE
from tests.ports import free_ports

EMAIL = "owner@example.com"
DOCUMENTS = {
    "name": "documents",
    "type": "base",
    "fields": [
        {"name": "title", "type": "text"},
        {"name": "one", "type": "file", "maxSelect": 1},
        {"name": "many", "type": "file", "maxSelect": 9},
    ],
}


class PlainPocketBase:
    """Runs from :meth:`start` to :meth:`stop`; there is a superuser, and it is signed in."""

    def __init__(self, data: Path, *, binary: Path = POCKETBASE) -> None:
        self.data = data
        self._binary = str(binary)
        self.port = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.http = requests.Session()
        self.http.trust_env = False

    def start(self) -> None:
        """Start it and sign in."""
        empty = self.data.parent / "empty"
        empty.mkdir(exist_ok=True)
        dirs = [f"--{kind}Dir={empty}" for kind in ("migrations", "hooks", "public")]
        dirs += ["--automigrate=0", "--hooksWatch=0"]
        where = f"--dir={self.data}"
        upsert = [self._binary, "superuser", "upsert", EMAIL, PASSWORD, where]
        subprocess.run(upsert, check=True, capture_output=True, timeout=PATIENCE)
        with (self.data.parent / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary, "serve", f"--http=127.0.0.1:{self.port}", where, *dirs],
                stdout=log,
                stderr=log,
            )
        eventually(self._answers, "PocketBase answers")
        login = {"identity": EMAIL, "password": PASSWORD}
        answer = self.post("collections/_superusers/auth-with-password", json=login)
        self.http.headers["Authorization"] = answer["token"]

    @property
    def pid(self) -> int:
        """Its process, which runs."""
        assert self._process is not None
        return self._process.pid

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it; by SIGKILL its log is left over."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(PATIENCE)
            self._process = None

    def post(self, path: str, **content: Any) -> Any:
        """Post to its API, and return the answer; None when there is none."""
        answer = self.http.post(self._url(path), timeout=PATIENCE, **content)
        assert answer.status_code in (200, 204), answer.text
        return answer.json() if answer.content else None

    def make_documents(self) -> None:
        """Make a collection of records with files."""
        self.post("collections", json=DOCUMENTS)

    def upload(self, title: str, **files: bytes | list[bytes]) -> str:
        """Make a record with files, and return its id."""
        parts = [
            (field, (f"{title}.txt", content))
            for field, contents in files.items()
            for content in (contents if isinstance(contents, list) else [contents])
        ]
        body = {"data": {"title": title}, "files": parts or None}
        return str(self.post("collections/documents/records", **body)["id"])

    def delete(self, record_id: str) -> None:
        """Delete a record, and its files with it."""
        url = self._url(f"collections/documents/records/{record_id}")
        assert self.http.delete(url, timeout=PATIENCE).status_code == 204

    def _url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/api/{path}"

    def _answers(self) -> bool:
        try:
            return self.http.get(self._url("health"), timeout=PATIENCE).status_code == 200
        except requests.ConnectionError:
            return False


@contextmanager
def plain_pocketbase(root: Path) -> Iterator[PlainPocketBase]:
    """Return one with documents that runs, and is ended afterwards."""
    plain = PlainPocketBase(root / "pb_data")
    try:
        plain.start()
        plain.make_documents()
        yield plain
    finally:
        plain.stop(signal.SIGKILL)


def titles(folder: Path) -> list[str]:
    """Return the titles of the documents in a database that nobody serves."""
    with closing(sqlite3.connect(folder / "data.db")) as database:
        rows = database.execute("SELECT title FROM documents ORDER BY title")
        return [row[0] for row in rows]
