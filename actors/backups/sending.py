"""Sending: every backup also goes to ``PB_BACKUP_URL``, one after the other, until it is there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import msgspec

from actors.backups.catalogue import Catalogue, Entry
from actors.backups.elsewhere import Elsewhere
from actors.backups.jobs import Jobs
from actors.facts import Reply
from actors.layout import make_private_directory
from actors.services import Services
from bus.answers import BackupAnswer, ErrorAnswer
from bus.errors import BackupError, Conflict, NotFound, PblmError, SettingsError
from bus.settings import Settings
from bus.settings.replication import S3

ALL = ""
"""No backup's id: all of a user's."""

log = logging.getLogger(__name__)


class Sending:
    """Belongs to the keeper, whose thread alone calls it. Does nothing where nothing is to go."""

    def __init__(
        self, services: Services, catalogue: Catalogue, jobs: Jobs, elsewhere: Elsewhere | None
    ) -> None:
        self._services = services
        self._catalogue = catalogue
        self._jobs = jobs
        self._elsewhere = elsewhere
        self._waiting: dict[tuple[str, str], None] = {}
        """User and backup, who waits longest first."""
        self._under_way = False
        self._gone: dict[tuple[str, str], Callable[[], None]] = {}
        """What is to be removed there, user and backup, or all of a user's: how."""
        self._removing = False
        self._problem = ""

    def close(self) -> None:
        """Wait for no answer any more."""
        if self._elsewhere is not None:
            self._elsewhere.close()

    @property
    def elsewhere(self) -> Elsewhere:
        """What is there; raise :class:`Conflict` where nothing goes anywhere."""
        if self._elsewhere is None:
            raise Conflict("Backups go nowhere else: PB_BACKUP_URL is not set")
        return self._elsewhere

    def note(self, user_id: str) -> None:
        """The user has backups that may not be there."""
        if self._elsewhere is None:
            return
        for entry in self._catalogue.entries(user_id):
            if entry.sent_at is None or entry.sent_as != user_id:
                self._waiting.setdefault((user_id, entry.id))

    def go_on(self) -> None:
        """Send the next one, if none is under way. One that fails is tried again last.

        What is to be removed there goes likewise, beside it.
        """
        self._remove_next()
        found = None if self._elsewhere is None or self._under_way else self._next()
        self._services.metrics.backups_unsent.set(len(self._waiting))
        if found is not None and self._elsewhere is not None:
            self._under_way = True
            self._send(self._elsewhere, *found)

    def _next(self) -> tuple[str, Entry] | None:
        """Who waits longest, of those that are still here."""
        while self._waiting:
            user_id, backup_id = next(iter(self._waiting))
            try:
                return user_id, self._catalogue.find(user_id, backup_id)
            except NotFound:
                self._waiting.pop((user_id, backup_id))
        return None

    def _send(self, elsewhere: Elsewhere, user_id: str, entry: Entry) -> None:
        now, former = self._services.clock.now(), entry.sent_as
        sent = msgspec.structs.replace(entry, sent_at=now, sent_as=user_id)
        archive = self._catalogue.archive(user_id, entry)
        halted = self._jobs.halted

        def work() -> None:
            elsewhere.send(user_id, sent, archive, lambda: not halted.is_set())
            if former not in (None, user_id):  # the next one of that name is not to have it
                elsewhere.remove(former, entry.id)

        def there(_: object) -> None:
            self._under_way = False
            self._waiting.pop((user_id, entry.id), None)
            self._tell("")
            self._sent(user_id, sent)
            self.go_on()

        def failed(error: PblmError) -> None:
            self._under_way = False
            self._waiting.pop((user_id, entry.id), None)
            self._waiting[user_id, entry.id] = None
            self._tell(error.message)

        self._jobs.run(work, there, failed, away=True)

    def remove(self, entry: Entry) -> None:
        """What is removed here goes there, too, as soon as it can be reached."""
        user_id = entry.sent_as
        if self._elsewhere is None or user_id is None:
            return
        elsewhere = self._elsewhere
        self._gone[user_id, entry.id] = lambda: elsewhere.remove(user_id, entry.id)
        self._remove_next()

    def _remove_next(self) -> None:
        if self._removing or not self._gone:
            return
        key = next(iter(self._gone))
        work = self._gone.pop(key)
        self._removing = True

        def gone(_: object) -> None:
            self._removing = False
            self._remove_next()

        def failed(error: PblmError) -> None:
            self._removing = False
            self._gone[key] = work
            log.warning("what is removed here is at PB_BACKUP_URL still: %s", error.message)

        self._jobs.run(work, gone, failed, away=True)

    def forget(self, user_id: str) -> None:
        """The user was purged with his backups: none of those are there, either."""
        if self._elsewhere is None:
            return
        elsewhere, now = self._elsewhere, self._services.clock.now()

        def work() -> None:
            for entry in elsewhere.entries(user_id):
                if entry.manifest.taken_at <= now:  # not those of the next one of that name
                    elsewhere.remove(user_id, entry.id)

        self._gone[user_id, ALL] = work
        self._remove_next()

    def send_anew(self, user_id: str) -> None:
        """The user has another name than when the backups were sent."""
        if self._elsewhere is None:
            return
        for entry in self._catalogue.entries(user_id):
            self._catalogue.put(user_id, msgspec.structs.replace(entry, sent_at=None))
        self.note(user_id)
        self.go_on()

    def fetch(self, user_id: str, backup_id: str, reply: Reply) -> None:
        """Have a backup here that is there; ``reply`` is called when it is."""
        elsewhere = self.elsewhere
        if self._is_here(user_id, backup_id):
            raise Conflict(f"Backup {backup_id} is here")
        self._jobs.take([user_id], "The way back of a backup")
        self._gone.pop((user_id, backup_id), None)  # it is wanted again
        folder = self._catalogue.folder(user_id)

        def work() -> Entry:
            entry = elsewhere.entry(user_id, backup_id)
            self._check_owner(user_id, entry)
            elsewhere.bring(user_id, entry, folder)
            return entry

        def here(entry: Entry) -> None:
            self._jobs.give_back([user_id])
            try:
                self._catalogue.put(user_id, entry)
            except BackupError as error:
                reply(ErrorAnswer.of(error))
            else:
                reply(BackupAnswer(backup=entry.backup))

        def failed(error: PblmError) -> None:
            self._jobs.give_back([user_id])
            reply(ErrorAnswer.of(error))

        self._jobs.run(work, here, failed, away=True)

    def _check_owner(self, user_id: str, entry: Entry) -> None:
        """Raise :class:`Conflict` for what another user left under this name when renamed."""
        for record in self._services.store.records():
            if record.user_id != user_id and record.identity == entry.manifest.identity:
                raise Conflict(f"Backup {entry.id} is of another user's database")

    def _is_here(self, user_id: str, backup_id: str) -> bool:
        try:
            entry = self._catalogue.find(user_id, backup_id)
        except NotFound:
            return False
        return self._catalogue.archive(user_id, entry).exists()

    def list(self, user_id: str, then: Callable[[list[Entry]], None], reply: Reply) -> None:
        """Call ``then`` with what is there of the user; ``reply`` if that cannot be told."""
        elsewhere = self.elsewhere
        self._jobs.run(
            lambda: elsewhere.entries(user_id),
            then,
            lambda error: reply(ErrorAnswer.of(error)),
            away=True,
        )

    def _sent(self, user_id: str, sent: Entry) -> None:
        """Write it down, beside what was found out meanwhile; one that is gone goes there, too."""
        try:
            known = self._catalogue.find(user_id, sent.id)
            there = {"sent_at": sent.sent_at, "sent_as": sent.sent_as}
            self._catalogue.put(user_id, msgspec.structs.replace(known, **there))
        except NotFound:
            self.remove(sent)
        except BackupError as error:
            log.error("%s", error.message)

    def _tell(self, problem: str) -> None:
        """Log what has changed, not what is so still."""
        if problem and problem != self._problem:
            log.error("backups are not at PB_BACKUP_URL: %s", problem)
        elif self._problem and not problem:
            log.info("backups are sent to PB_BACKUP_URL again")
        self._problem = problem


def check_elsewhere(settings: Settings) -> None:
    """Raise :class:`SettingsError` where ``PB_BACKUP_URL`` takes what is not here."""
    url = settings.backup_url
    if url is None:
        return
    if find_spec("obstore") is None:
        raise SettingsError("PB_BACKUP_URL: takes obstore; `pip install '.[replication]'`")
    if not url.startswith(S3):
        make_private_directory(Path(url))


def open_elsewhere(settings: Settings) -> Elsewhere | None:
    """Return what is at ``PB_BACKUP_URL``; None: it is not set."""
    if settings.backup_url is None:
        return None
    from actors.replication.place import Place  # obstore is there where it is wanted only

    return Elsewhere(Place(settings, settings.backup_url))
