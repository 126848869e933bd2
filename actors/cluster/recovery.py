"""Recovery: a user's data out of the replica, when the host that had them is lost.

Never empty: what is restored is checked, and where that fails an earlier moment is taken, then an
earlier generation, then the last backup that this host can read; in the end a person is called.
Never older for a bad moment of the bucket or of this host: only what was read counts as damaged.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from actors.backups.archive import unpack
from actors.backups.catalogue import Catalogue
from actors.backups.snapshot import MANIFEST, sha256_of
from actors.cluster.directory import Place
from actors.data import contents
from actors.data.database import UserDataError
from actors.layout import Layout, directory_name, make_private_directory
from actors.replication.generation import epoch_of
from actors.replication.rewind import Rewind, Wanted
from bus.errors import BackupError, InvalidBackup, PblmError, Unavailable

if TYPE_CHECKING:
    from actors.replication.place import Place as ReplicaPlace

EARLIER = (timedelta(minutes=1), timedelta(minutes=15), timedelta(hours=2), timedelta(days=1))
"""How far back it is tried when the newest cannot be used, before its last change."""

PAUSES = (1.0, 3.0)
"""Seconds from one try to read the same to the next, where the place may be at fault."""
RETRY = 10
"""Seconds after which a restore that the place prevented is worth another try."""

log = logging.getLogger(__name__)


class RecoveryFailed(Exception):
    """Nothing could be used; says what was tried."""


class Drill(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial restore has brought."""

    generation: str
    size: int
    """In bytes."""
    rows: int


class Recovery:
    """Used from threads that may wait."""

    def __init__(
        self,
        layout: Layout,
        rewind: Rewind,
        replica: ReplicaPlace,
    ) -> None:
        self._layout = layout
        self._rewind = rewind
        self._replica = replica
        self._halted = threading.Event()

    def close(self) -> None:
        """Give up what is under way, and begin nothing more."""
        self._halted.set()
        self._replica.close()

    def has_local(self, user_id: str) -> bool:
        """Whether a database of the user lies on this host."""
        places = (self._layout.data(user_id), self._layout.trash(user_id))
        return any((place / "data.db").exists() for place in places)

    def restore(self, user_id: str, place: Place, wanted: Wanted = lambda: True) -> Path:
        """Return a directory with the user's data.

        Raises :class:`RecoveryFailed`, or :class:`Unavailable` where the place does not answer, or
        this host cannot do it: nothing is known then of what the place holds. So it does soon after
        it is not ``wanted`` any more.
        """
        wanted = self._unless_halted(wanted)
        problems: list[str] = []
        try:
            draft = self._draft(user_id)
            for source, at in self._sources(user_id, place):
                _check(wanted)
                try:
                    found = self._read(user_id, source, at, wanted)
                except InvalidBackup as error:
                    log.warning("%s: %s", user_id, error.message)
                    problems.append(error.message)
                    continue
                if found is not None:
                    if problems:
                        moment = "its end" if at is None else f"{at:%FT%TZ}"
                        log.error("%s: only %s until %s could be used", user_id, source, moment)
                    return found
            return self._from_backup(user_id, draft, problems)
        except BackupError as error:
            _check(wanted)
            raise Unavailable(error.message, retry_after=RETRY) from error
        except OSError as error:
            raise Unavailable(f"It cannot be restored here: {error}", retry_after=RETRY) from error

    def _read(self, user_id: str, source: str, at: datetime | None, wanted: Wanted) -> Path | None:
        """Return a directory with what the source has; None: nothing yet. Tries again.

        Raises :class:`InvalidBackup` where it is damaged, :class:`BackupError` where it cannot be
        read again and again.
        """
        for pause in (*PAUSES, None):
            draft = self._draft(user_id)
            try:
                if not self._rewind.put_together(source, at, draft, check="quick", wanted=wanted):
                    self._check_empty(source, at)
                    return None
                self._rewind.add_files(user_id, draft, wanted)
                return draft
            except BackupError as error:
                if pause is None or at is not None or not wanted() or self._halted.wait(pause):
                    raise
                log.warning("%s: tried again: %s", user_id, error.message)
        raise AssertionError("the last try returns or raises")

    def _check_empty(self, source: str, at: datetime | None) -> None:
        """Raise :class:`InvalidBackup` for what has been written, and has no beginning any more."""
        if at is None and self._replica.written_at(*source.split("/")) is not None:
            raise InvalidBackup(f"The replica {source} is damaged: its beginning is missing")

    def receive(self, user_id: str, place: Place, wanted: Wanted = lambda: True) -> Path:
        """Return a directory with exactly the data that were handed over.

        Raises :class:`RecoveryFailed` when what the replica has is anything else, and
        :class:`Unavailable` soon after it is not ``wanted`` any more.
        """
        wanted = self._unless_halted(wanted)
        _check(wanted)
        draft = self._draft(user_id)
        generation, _ = next(self._sources(user_id, place), (None, None))
        if generation is None:
            raise RecoveryFailed("there is no replica")
        try:
            if not self._rewind.put_together(generation, None, draft, check="quick", wanted=wanted):
                raise RecoveryFailed(f"{generation} is empty")
            self._rewind.add_files(user_id, draft, wanted)
            if sha256_of(draft / "data.db") != place.digest:
                raise RecoveryFailed(f"{generation} is not what was handed over")
        except (PblmError, OSError) as error:
            _check(wanted)
            raise RecoveryFailed(f"{error}") from error
        return draft

    def drill(self, user_id: str, place: Place) -> Drill:
        """Restore the newest that there is, check it as a whole, and remove it again.

        Raises :class:`RecoveryFailed`.
        """
        draft, wanted = self._draft(user_id, "drill"), self._unless_halted(lambda: True)
        try:
            for generation, _ in self._sources(user_id, place):
                if self._rewind.put_together(generation, None, draft, check="full", wanted=wanted):
                    rows = contents.count_rows(draft)
                    size = (draft / "data.db").stat().st_size
                    return Drill(generation=generation, size=size, rows=rows)
                break
        except (PblmError, UserDataError, OSError) as error:
            raise RecoveryFailed(f"{error}") from error
        finally:
            shutil.rmtree(draft, ignore_errors=True)
        raise RecoveryFailed("there is no replica")

    def _unless_halted(self, wanted: Wanted) -> Wanted:
        return lambda: not self._halted.is_set() and wanted()

    def _draft(self, user_id: str, purpose: str = "claimed") -> Path:
        draft = self._layout.control / "drafts" / f"{directory_name(user_id)}-{purpose}"
        shutil.rmtree(draft, ignore_errors=True)
        make_private_directory(draft)
        return draft

    def _sources(self, user_id: str, place: Place) -> Iterator[tuple[str, datetime | None]]:
        """Yield generation and moment, the newest first; no epoch that was never durable."""
        user = directory_name(user_id)
        names = reversed(list(self._replica.generations(user)))
        for name in names:
            if not place.born <= epoch_of(name) <= place.durable:
                continue
            yield f"{user}/{name}", None
            last = self._replica.written_at(user, name)
            if last is not None:
                yield from ((f"{user}/{name}", last - earlier) for earlier in EARLIER)

    def _from_backup(self, user_id: str, draft: Path, problems: list[str]) -> Path:
        shutil.rmtree(draft, ignore_errors=True)
        try:
            made_at = last_backup(self._layout, user_id, draft)
        except InvalidBackup as error:
            problems.append(error.message)
            made_at = None
        if made_at is None:
            raise RecoveryFailed("; ".join(problems) or "there is no replica, and no backup here")
        log.error("%s: only its backup of %s could be used", user_id, made_at)
        return draft


def _check(wanted: Wanted) -> None:
    """Raise :class:`Unavailable` when nobody waits for it any more."""
    if not wanted():
        raise Unavailable("It is given up: this host ends, or was lost", retry_after=RETRY)


def last_backup(layout: Layout, user_id: str, target: Path) -> datetime | None:
    """Unpack the user's newest backup into ``target``, checked; None: this host has none.

    Raises :class:`InvalidBackup` when it is damaged, :class:`BackupError` or :class:`OSError` when
    this host cannot unpack it.
    """
    catalogue = Catalogue(layout, lambda user_id, entries: None)
    entry = catalogue.newest(user_id)
    if entry is None:
        return None
    try:
        unpack(catalogue.archive(user_id, entry), target, limit=None)
        (target / MANIFEST).unlink(missing_ok=True)
        contents.quick_check(target)
    except UserDataError as error:
        kind = InvalidBackup if error.at_fault else BackupError
        raise kind(f"Backup {entry.id} cannot be read: {error}") from error
    return entry.manifest.taken_at
