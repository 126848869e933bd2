"""BackupBook: as of when each user's data are in a backup. The keeper writes, any thread reads."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

import msgspec

from actors.backups.catalogue import Entry
from bus.instance import Instance


class Kept(TypedDict):
    """What an instance shows of its backups."""

    last_backup: datetime | None
    last_proven_backup: datetime | None


NOTHING: Kept = {"last_backup": None, "last_proven_backup": None}


class BackupBook:
    """Those of all users who have a backup."""

    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}

    def of(self, user_id: str) -> Kept:
        """What is kept of the user."""
        return self._kept.get(user_id, NOTHING)

    def beside(self, instance: Instance) -> Instance:
        """Return ``instance`` with what is kept of it."""
        return msgspec.structs.replace(instance, **self.of(instance.user_id))

    def note(self, user_id: str, entries: Iterable[Entry]) -> None:
        """Remember the newest of these, which are all backups of the user."""
        taken = {each.manifest.taken_at: each.proven_at for each in entries}
        if not taken:
            self._kept.pop(user_id, None)
            return
        proven = [at for at, proven_at in taken.items() if proven_at is not None]
        self._kept[user_id] = {
            "last_backup": max(taken),
            "last_proven_backup": max(proven, default=None),
        }
