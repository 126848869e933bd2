"""Elsewhere: the backups at ``PB_BACKUP_URL``, a directory or a bucket, as they are there.

::

    <PB_BACKUP_URL>/<user>/backups/20261124T144139Z-7f3a.zip      sent first
                                   20261124T144139Z-7f3a.json     its entry, after that
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from actors.backups.catalogue import Entry
from actors.backups.snapshot import sha256_of
from actors.durable import rename, sync
from actors.layout import directory_name, make_private_directory
from bus.errors import BackupError, InvalidBackup, NotFound

if TYPE_CHECKING:
    from actors.replication.place import Place

FOLDER = "backups"
CHUNK = 1024 * 1024


class Elsewhere:
    """Any thread may use it, if it may wait. Raises :class:`BackupError` without an answer."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def close(self) -> None:
        """Wait for no answer any more."""
        self._place.close()

    def send(self, user_id: str, entry: Entry, archive: Path, wanted: Callable[[], bool]) -> None:
        """Have a backup there; nothing of it counts before all of it is."""
        user = directory_name(user_id)
        try:
            self._place.send(user, _archive(entry.id), _chunks(archive, wanted))
        except OSError as error:
            raise BackupError(f"Backup {entry.id} cannot be read: {error}") from error
        self._place.send(user, _entry(entry.id), msgspec.json.encode(entry))

    def entries(self, user_id: str) -> list[Entry]:
        """Which backups of the user are there, oldest first."""
        names = self._place.names(directory_name(user_id), FOLDER)
        whole = sorted(name.removesuffix(".json") for name in names if name.endswith(".json"))
        found = []
        for each in whole:
            if f"{each}.zip" in names:
                with contextlib.suppress(NotFound):  # it is removed meanwhile
                    found.append(self.entry(user_id, each))
        return found

    def entry(self, user_id: str, backup_id: str) -> Entry:
        """What is known there of one backup; raise :class:`NotFound`."""
        content = None
        if "/" not in backup_id:
            content = self._place.read(directory_name(user_id), _entry(backup_id))
        if content is None:
            raise NotFound(f"User {user_id} has no backup {backup_id[:100]!r} at PB_BACKUP_URL")
        try:
            found = msgspec.json.decode(content, type=Entry)
        except msgspec.DecodeError as error:
            raise InvalidBackup(f"The entry of backup {backup_id} is damaged: {error}") from error
        if found.id != backup_id:
            raise InvalidBackup(f"The entry of backup {backup_id} is of another one")
        return found

    def bring(self, user_id: str, entry: Entry, folder: Path) -> None:
        """Have the archive of a backup in ``folder``, whole, or raise and leave nothing."""
        make_private_directory(folder)
        part = folder / f"{entry.id}.part"
        try:
            if not self._place.fetch(directory_name(user_id), _archive(entry.id), part):
                raise NotFound(f"The file of backup {entry.id} is gone from PB_BACKUP_URL")
            if sha256_of(part) != entry.sha256:
                raise InvalidBackup(f"Backup {entry.id} is not what was sent: it is damaged")
            sync(part)
            rename(part, folder / f"{entry.id}.zip")
        except OSError as error:
            raise BackupError(f"Backup {entry.id} cannot be kept: {error}") from error
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)

    def remove(self, user_id: str, backup_id: str) -> None:
        """Have the backup there no more; its entry goes first."""
        user = directory_name(user_id)
        self._place.remove(user, _entry(backup_id))
        self._place.remove(user, _archive(backup_id))


def _archive(backup_id: str) -> str:
    return f"{FOLDER}/{backup_id}.zip"


def _entry(backup_id: str) -> str:
    return f"{FOLDER}/{backup_id}.json"


def _chunks(archive: Path, wanted: Callable[[], bool]) -> Iterator[bytes]:
    with archive.open("rb") as file:
        while chunk := file.read(CHUNK):
            if not wanted():
                raise BackupError("The manager is stopping")
            yield chunk
