"""The calls about backups, as somebody makes them."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import requests

from tests.house.caller import Json
from tests.house.manager import Manager


class Backups:
    """The backups of one user."""

    def __init__(self, manager: Manager, user_id: str) -> None:
        self._manager = manager
        self._path = f"/api/users/{user_id}"

    def call(self, method: str, path: str, **content: Any) -> requests.Response:
        """Return the answer to a call about the user, whatever it is."""
        return self._manager.api.call(method, f"{self._path}/{path}", **content)

    def done(self, method: str, path: str, **content: Any) -> Json:
        """Return the answer to a call that must succeed."""
        answer = self.call(method, path, **content)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    def make(self) -> str:
        """Make a backup, and return its id."""
        return str(self.done("POST", "backups")["backup"]["id"])

    def list(self) -> list[Json]:
        """Return the backups, newest first."""
        found: list[Json] = self.done("GET", "backups")["backups"]
        return found

    def restore(self, backup: str, **body: str) -> Json:
        """Restore a backup, and return the instance."""
        instance: Json = self.done("POST", f"backups/{backup}/restore", json=body)["instance"]
        return instance

    def refused(self, method: str, path: str, **content: Any) -> str:
        """Return the code of a call that must fail."""
        answer = self.call(method, path, **content)
        assert answer.status_code >= 400, answer.text
        return str(answer.json()["code"])

    def archive(self, backup: str) -> Path:
        """Return where the backup's file is."""
        (found,) = (self._manager.layout.control / "backups").glob(f"*/{backup}.zip")
        return found


def zipped(files: dict[str, bytes], **options: Any) -> bytes:
    """Return a ZIP archive of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def zipped_directory(folder: Path, prefix: str = "") -> bytes:
    """Return a ZIP archive of a directory, as people make them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, f"{prefix}{path.relative_to(folder)}")
    return buffer.getvalue()
