"""Proofs: which backups are tried, and what is told of it."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

from actors.backups.catalogue import Catalogue, Entry
from actors.backups.jobs import Jobs
from actors.backups.progress import progress_of
from actors.backups.workshop import Workshop
from actors.facts import Reply
from actors.services import Services
from bus.answers import Answer, BackupAnswer, ErrorAnswer
from bus.errors import BackupError, Conflict, InvalidBackup, PblmError
from bus.events import BackupProven, BackupUnprovable, Event

log = logging.getLogger(__name__)


class Proofs:
    """Belongs to the keeper, whose thread alone calls it."""

    def __init__(
        self,
        services: Services,
        catalogue: Catalogue,
        jobs: Jobs,
        workshop: Workshop,
        over: Callable[[], None],
    ) -> None:
        """``over`` is called whenever a trial has ended."""
        self._services = services
        self._catalogue = catalogue
        self._jobs = jobs
        self._workshop = workshop
        self._over = over
        self._credit = 0.0
        self._proving = False

    def count_one_more(self) -> None:
        """There is one more backup: a share of them is tried."""
        self._credit += self._services.settings.backup_prove

    def go_on(self) -> None:
        """Try the next one, if one is due; one at a time."""
        if self._credit >= 1 and not self._proving:
            self._prove_next()

    def prove(self, user_id: str, entry: Entry, reply: Reply) -> None:
        """Begin a trial; raise :class:`Conflict` while something else is done for the user."""
        self._jobs.take([user_id], "A proof")
        progress_of(self._services, user_id, "proof")("PocketBase is run on it")
        record = self._services.store.get(user_id)
        uid = None if record is None else record.uid

        def ended(error: PblmError | None) -> None:
            self._jobs.give_back([user_id])
            now = self._services.clock.now()
            known = self._tried(user_id, entry, error, now)
            result = "passed" if error is None else "failed"
            self._services.metrics.backup_proofs.labels(result).inc()
            if error is None:
                event: Event = BackupProven(at=now, user_id=user_id, backup=known.backup)
                reply(BackupAnswer(backup=known.backup))
            else:
                log.error("%s: %s", user_id, error.message)
                event = BackupUnprovable(
                    at=now, user_id=user_id, backup=known.backup, reason=error.message
                )
                reply(ErrorAnswer.of(error))
            if not self._jobs.halted.is_set():
                self._services.publish(event)
            self._over()

        self._jobs.run(
            lambda: self._workshop.prove(user_id, entry, uid), lambda _: ended(None), ended
        )

    def _tried(self, user_id: str, entry: Entry, error: PblmError | None, now: datetime) -> Entry:
        """Write down what came of a trial; what is not the backup's fault does not count."""
        if isinstance(error, BackupError | InvalidBackup) and not self._jobs.halted.is_set():
            known = msgspec.structs.replace(entry, problem=error.message, tried_at=now)
        elif error is None:
            known = msgspec.structs.replace(entry, proven_at=now, problem=None, tried_at=now)
        else:
            return entry
        with contextlib.suppress(BackupError):
            self._catalogue.put(user_id, known)
        return known

    def _prove_next(self) -> None:
        """Try the newest backup of the user whose backups were tried longest ago."""
        candidates = []
        for record in self._services.store.records():
            entries = self._catalogue.entries(record.user_id)
            if entries and entries[-1].tried_at is None:
                tried = max((e.tried_at for e in entries if e.tried_at is not None), default=None)
                candidates.append((tried is not None, tried, record.user_id, entries[-1]))
        self._credit = min(self._credit, float(len(candidates)))
        if self._credit < 1:
            return
        _, _, user_id, entry = min(candidates, key=lambda each: each[:3])
        self._credit -= 1

        def ended(answer: Answer) -> None:
            self._proving = False

        with contextlib.suppress(Conflict):
            self.prove(user_id, entry, ended)
            self._proving = True
