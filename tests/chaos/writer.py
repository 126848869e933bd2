"""A user's own program: writes without pause, and remembers what PocketBase has acknowledged."""

from __future__ import annotations

import hashlib
import subprocess
import threading
from typing import Any

from tests.chaos.rest import Rest

EMAIL, PASSWORD = "writer@example.com", "a-password-of-the-tests"
NOTES = {
    "name": "notes",
    "type": "base",
    "listRule": "",
    "fields": [
        {"name": "owner", "type": "text"},
        {"name": "number", "type": "number"},
        {"name": "value", "type": "text"},
    ],
    "indexes": ["CREATE UNIQUE INDEX index_number ON notes (number)"],
}
"""Everybody may read, so that a reader cannot fail to notice whose notes these are."""
PATH = "/api/collections/notes/records"
LOOPBACK = "127.0.0.1"
PAUSE = 0.15
TIMEOUT = 5.0


def value_of(owner: str, number: int) -> str:
    """What the note of this number says: nothing else can have written it."""
    return hashlib.sha256(f"{owner}/{number}".encode()).hexdigest()[:24]


def provide(binary: str, instance: dict[str, Any], host: str = LOOPBACK) -> str:
    """Make a superuser and the collection of notes; return the superuser's token.

    ``host`` is the address of this machine's where it listens. Superusers may come from loopback.
    """
    directory, port = instance["db_path"], instance["port"]
    command = [binary, "superuser", "upsert", EMAIL, PASSWORD, f"--dir={directory}"]
    subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=directory)
    login = {"identity": EMAIL, "password": PASSWORD}
    path = "/api/collections/_superusers/auth-with-password"
    rest = Rest(port, host=host, source=LOOPBACK, timeout=60)
    _, answer = rest.call("POST", path, login)
    token: str = answer["token"]
    rest = Rest(port, host=host, source=LOOPBACK, token=token, timeout=60)
    status, answer = rest.call("POST", "/api/collections", NOTES)
    if status != 200:
        raise RuntimeError(f"cannot make the collection: {status} {answer}")
    return token


class Writer:
    """Asks the manager where its PocketBase is, and writes there; after a failure it asks again."""

    def __init__(self, user: str, token: str, api_port: int) -> None:
        self.user = user
        self.acknowledged: list[int] = []
        self.attempts = 0
        self.failures = 0
        """Writes that were not acknowledged."""
        self._token = token
        self._api = Rest(api_port, timeout=TIMEOUT)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"writer of {user}", daemon=True)

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop writing."""
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        rest: Rest | None = None
        while not self._end.wait(PAUSE):
            rest = rest or self._find()
            if rest is not None and not self._write(rest):
                rest.close()
                rest = None

    def _find(self) -> Rest | None:
        try:
            _, answer = self._api.call("GET", f"/api/users/{self.user}/pb_status")
        except ConnectionError:
            return None
        instance: dict[str, Any] = (answer or {}).get("instance") or {}
        port = instance.get("port")
        return Rest(port, timeout=TIMEOUT, token=self._token) if port else None

    def _write(self, rest: Rest) -> bool:
        self.attempts += 1
        number = self.attempts
        note = {"owner": self.user, "number": number, "value": value_of(self.user, number)}
        try:
            status, _ = rest.call("POST", PATH, note)
        except ConnectionError:
            status = 0
        if status == 200:
            self.acknowledged.append(number)
        else:
            self.failures += 1
        return status == 200


def read_back(port: int, *, host: str = "127.0.0.1") -> list[dict[str, Any]]:
    """All notes in the PocketBase on ``port``, read as a stranger would."""
    rest, notes = Rest(port, timeout=30, host=host), list[dict[str, Any]]()
    page: list[dict[str, Any]] | None = None
    while page is None or page:
        last = notes[-1]["number"] if notes else 0
        query = f"?perPage=1000&skipTotal=1&sort=number&filter=number%3E{last}"
        status, answer = rest.call("GET", f"{PATH}{query}&fields=owner,number,value")
        if status != 200:
            raise ConnectionError(f"reading the notes: {status} {answer}")
        page = answer["items"]
        notes += page
    rest.close()
    return notes
