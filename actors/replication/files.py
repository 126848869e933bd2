"""FileCopier: uploaded files follow the database, into the place where its replica is.

PocketBase never changes a file that it has stored, and writes a row whenever it stores one. So it
is enough to look where the database has changed, and to send what is not there yet. What a user
deletes stays there: a moment before that can be gone back to.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from actors.data.storage import opened_files
from actors.layout import Layout, directory_name
from bus.errors import BackupError

if TYPE_CHECKING:
    from actors.replication.place import Place

Look = tuple[tuple[int, int, int], ...]

log = logging.getLogger(__name__)


class FileCopier:
    """Belongs to one thread at a time."""

    def __init__(self, layout: Layout, place: Place) -> None:
        self._layout = layout
        self._place = place
        self._there: dict[str, set[str]] = {}
        self._seen: dict[str, Look] = {}
        self.halted = threading.Event()
        """Set when the manager ends."""

    def copy(self, user_id: str) -> int:
        """Send what is new; return how many files. Raises :class:`BackupError`."""
        data = self._layout.data(user_id)
        look = _look(data)
        if look == self._seen.get(user_id):
            return 0
        user, sent = directory_name(user_id), 0
        there = self._there.get(user_id)
        if there is None:
            there = self._there[user_id] = self._place.files(user)
        try:
            for path, file in opened_files(data, _not_in(there)):
                if self.halted.is_set():
                    return sent
                self._place.send(user, path, file)
                there.add(path)
                sent += 1
        except OSError as error:
            raise BackupError(f"The files of {user_id} cannot be read: {error}") from error
        self._seen[user_id] = look
        return sent

    def forget(self, user_id: str) -> None:
        """Look again at everything when the user's files are copied next."""
        self._there.pop(user_id, None)
        self._seen.pop(user_id, None)


def _not_in(there: set[str]) -> Callable[[str], bool]:
    return lambda path: path not in there


def _look(data: Path) -> Look:
    found = []
    for name in ("data.db", "data.db-wal"):
        try:
            at = os.stat(data / name)
        except OSError:
            continue
        found.append((at.st_ino, at.st_size, at.st_mtime_ns))
    return tuple(found)
