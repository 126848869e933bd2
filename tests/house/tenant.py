"""Tenant: a user who works with the PocketBase that the manager started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

from tests.house.caller import Json
from tests.house.surroundings import PATIENCE

POCKETBASE = Path(sys.executable).with_name("pocketbase")
PASSWORD = "correct horse battery"


class Tenant:
    """The superuser of one instance."""

    def __init__(self, instance: Json, email: str = "owner@example.com") -> None:
        self._url = instance["url"]
        self._session = requests.Session()
        self._session.trust_env = False
        command = [str(POCKETBASE), "superuser", "upsert", email, PASSWORD]
        subprocess.run(
            [*command, "--dir", instance["db_path"]],
            check=True,
            capture_output=True,
            timeout=PATIENCE,
        )
        login = {"identity": email, "password": PASSWORD}
        answer = self.post("_superusers/auth-with-password", login)
        self._session.headers["Authorization"] = answer["token"]

    def hang_up(self) -> None:
        """Close its connections: while one is open the instance is used."""
        self._session.close()

    def make_collection(self, name: str) -> None:
        """Make a collection of records that have a ``title``."""
        self.post("", {"name": name, "type": "base", "fields": [{"name": "title", "type": "text"}]})

    def write(self, collection: str, title: str) -> None:
        """Write a record."""
        self.post(f"{collection}/records", {"title": title})

    def titles(self, collection: str) -> list[str] | None:
        """Return the titles of the records; None when there is no such collection."""
        answer = self._session.get(
            f"{self._url}/api/collections/{collection}/records", timeout=PATIENCE
        )
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        return [record["title"] for record in answer.json()["items"]]

    def post(self, path: str, body: Json) -> Any:
        """Post to the API of the collections, and return the answer."""
        url = f"{self._url}/api/collections{'/' if path else ''}{path}"
        answer = self._session.post(url, json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()
