"""Catalogue: which backups there are. The files on disk are the truth, memory only follows.

::

    <backups>/<user>/20261124T144139Z-7f3a.zip        the archive, renamed to this when it is whole
                     20261124T144139Z-7f3a.json       its entry, written after that
                     policy.json                      what the user's backups follow, if set

An archive without an entry was never finished: the next manager removes it. An entry without an
archive has lost it, and counts for nothing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import msgspec

from actors.backups.manifest import Manifest
from actors.backups.policy import POLICY, read_policy, write_policy
from actors.durable import remove, write_file
from actors.layout import Layout, left_for
from bus.backup import Backup, PolicyChange
from bus.errors import BackupError, NotFound

log = logging.getLogger(__name__)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one backup."""

    id: str
    bytes: int = 0
    sha256: str = ""
    manifest: Manifest
    proven_at: datetime | None = None
    problem: str | None = None
    tried_at: datetime | None = None
    """When it was last tried whether PocketBase runs on it."""
    sent_at: datetime | None = None
    """When it was copied to ``PB_BACKUP_URL``."""
    sent_as: str | None = None
    """Under whose name it is there: the user's, or that of before a rename."""

    @property
    def backup(self) -> Backup:
        """What users see of it."""
        manifest = self.manifest
        return Backup(
            id=self.id,
            user_id=manifest.user_id,
            kind=manifest.kind,
            taken_at=manifest.taken_at,
            bytes=self.bytes,
            sha256=self.sha256,
            version=manifest.version,
            migrations=len(manifest.migrations),
            database_bytes=manifest.database_bytes,
            files=manifest.files,
            files_bytes=manifest.files_bytes,
            missing=list(manifest.missing),
            settings_encrypted=manifest.settings_encrypted,
            files_elsewhere=manifest.files_elsewhere,
            proven_at=self.proven_at,
            problem=self.problem,
            sent_at=self.sent_at,
        )


class Catalogue:
    """The backups of all users, read once per user. From any thread."""

    def __init__(self, layout: Layout, changed: Callable[[str, Iterable[Entry]], None]) -> None:
        """``changed`` is told all entries of a user whenever they are others than before."""
        self._layout = layout
        self._changed = changed
        self._lock = threading.Lock()
        self._entries: dict[str, dict[str, Entry]] = {}
        self._policies: dict[str, PolicyChange] = {}

    def folder(self, user_id: str) -> Path:
        """Where the user's backups lie."""
        return self._layout.backups(user_id)

    def begin(self, user_ids: Iterable[str]) -> list[str]:
        """Return those of the users who have a folder; of the others nothing is to be read."""
        users = list(user_ids)
        having = left_for(self._layout.backups_root, users)
        with self._lock:
            for user_id in set(users).difference(having):
                self._entries.setdefault(user_id, {})
        return having

    def entries(self, user_id: str) -> list[Entry]:
        """The user's backups, oldest first."""
        with self._lock:
            return sorted(self._loaded(user_id).values(), key=lambda each: each.id)

    def newest(self, user_id: str) -> Entry | None:
        """The user's latest backup."""
        return next(reversed(self.entries(user_id)), None)

    def find(self, user_id: str, backup_id: str) -> Entry:
        """One backup; raise :class:`NotFound`."""
        with self._lock:
            found = self._loaded(user_id).get(backup_id)
        if found is None:
            raise NotFound(f"User {user_id} has no backup {backup_id[:100]!r}")
        return found

    def archive(self, user_id: str, entry: Entry) -> Path:
        """Where the backup's file is."""
        return self.folder(user_id) / f"{entry.id}.zip"

    def put(self, user_id: str, entry: Entry) -> None:
        """Write the entry down; its archive is there. Raises :class:`BackupError`."""
        try:
            content = msgspec.json.encode(entry)
            write_file(self.folder(user_id) / f"{entry.id}.json", content)
        except OSError as error:
            raise BackupError(f"The backups of {user_id} cannot be written: {error}") from error
        with self._lock:
            self._loaded(user_id)[entry.id] = entry
            self._tell(user_id)

    def remove(self, user_id: str, entry: Entry) -> None:
        """Forget a backup: its entry first, so that it is never half there."""
        try:
            (self.folder(user_id) / f"{entry.id}.json").unlink(missing_ok=True)
            self.archive(user_id, entry).unlink(missing_ok=True)
        except OSError as error:
            raise BackupError(f"Backup {entry.id} cannot be removed: {error}") from error
        finally:
            with self._lock:
                self._loaded(user_id).pop(entry.id, None)
                self._tell(user_id)

    def policy(self, user_id: str) -> PolicyChange:
        """What was set for the user."""
        with self._lock:
            self._loaded(user_id)
            return self._policies.get(user_id) or PolicyChange()

    def put_policy(self, user_id: str, policy: PolicyChange) -> None:
        """Keep what was set for the user; raise :class:`BackupError`."""
        write_policy(self.folder(user_id), policy)
        with self._lock:
            self._policies[user_id] = policy

    def forget(self, user_id: str) -> None:
        """Look at the user's files again when they are next asked for."""
        with self._lock:
            self._entries.pop(user_id, None)
            self._policies.pop(user_id, None)
            self._changed(user_id, ())

    def sweep(self, before: float) -> None:
        """Remove what was never finished by ``before``, in seconds of the epoch."""
        for folder in self._layout.backups_root.iterdir():
            try:
                _sweep(folder, before)
            except OSError as error:  # such as the lost+found of a disk of their own
                log.warning("%s is left as it is: %s", folder, error)

    def _loaded(self, user_id: str) -> dict[str, Entry]:
        if user_id not in self._entries:
            self._entries[user_id] = self._load(user_id)
            self._tell(user_id)
        return self._entries[user_id]

    def _tell(self, user_id: str) -> None:
        self._changed(user_id, self._entries[user_id].values())

    def _load(self, user_id: str) -> dict[str, Entry]:
        folder = self.folder(user_id)
        if not folder.is_dir():
            return {}
        try:
            names = set(os.listdir(folder))
        except OSError as error:
            raise BackupError(f"The backups of {user_id} cannot be read: {error}") from error
        found = {}
        for name in sorted(names - {POLICY}):
            whole = name.removesuffix(".json")
            entry = _read(folder / name) if f"{whole}.zip" in names and whole != name else None
            if entry is not None and entry.id == whole:
                found[entry.id] = entry
        if POLICY in names:
            self._policies[user_id] = read_policy(folder)
        return found


def _sweep(folder: Path, before: float) -> None:
    names = set(os.listdir(folder))
    whole = {name.removesuffix(".json") for name in names if name.endswith(".json")}
    kept = {POLICY, *(f"{each}{end}" for each in whole for end in (".json", ".zip"))}
    for path in (folder / name for name in names - kept):
        with contextlib.suppress(FileNotFoundError):  # it has moved away meanwhile
            if path.lstat().st_mtime < before:
                log.warning("removing %s: a backup that was never finished", path)
                remove(path)


def _read(path: Path) -> Entry | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Entry)
    except (OSError, msgspec.DecodeError) as error:
        log.error("%s cannot be read: %s", path, error)
        return None
