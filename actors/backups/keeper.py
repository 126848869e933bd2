"""BackupKeeper: which backups there are, when the next ones are made, what is done with them."""

from __future__ import annotations

import contextlib
import logging
from collections import deque
from datetime import datetime, timedelta
from typing import Any

import pykka

from actors.backups.catalogue import Catalogue, Entry
from actors.backups.facts import Begin, JobDone, JobFailed, Opened, OwnerChanged, RoundDue
from actors.backups.jobs import Jobs
from actors.backups.manifest import Kind
from actors.backups.pieces import Pieces
from actors.backups.progress import progress_of
from actors.backups.proof import Prover, clear_trials
from actors.backups.proofs import Proofs
from actors.backups.restores import Restores
from actors.backups.retention import expired
from actors.backups.schedule import Schedule
from actors.backups.sending import Sending, open_elsewhere
from actors.backups.workshop import Workshop
from actors.capability import Capability
from actors.clock import Timer
from actors.data.orders import KeepData
from actors.data.swap import Swap
from actors.durable import sweep
from actors.facts import Asked, Reply
from actors.records import Record
from actors.services import Services
from actors.telling import tell
from bus.answers import Answer, BackupAnswer, BackupFileAnswer, BackupsAnswer, ErrorAnswer
from bus.backup import BackupPolicy
from bus.errors import BackupError, Conflict, InternalError, NotFound, PblmError
from bus.events import (
    BackupFailed,
    BackupFinished,
    Event,
    InstanceDeleted,
    InstanceRenamed,
    StatusChanged,
)
from bus.requests import (
    ConfirmRestore,
    CreateBackup,
    DeleteBackup,
    FetchBackup,
    FindBackup,
    ImportInstance,
    ListBackups,
    ProveBackup,
    PutBackupPolicy,
    PutUpload,
    ReadBackup,
    Request,
    RestoreBackup,
    UndoRestore,
)

REQUESTS = (
    ConfirmRestore,
    CreateBackup,
    DeleteBackup,
    FetchBackup,
    FindBackup,
    ImportInstance,
    ListBackups,
    ProveBackup,
    PutBackupPolicy,
    PutUpload,
    ReadBackup,
    RestoreBackup,
    UndoRestore,
)
LONGEST_ROUND = 60.0
"""Seconds between two looks at whose backup is due, or less where intervals are short."""
SHORTEST_ROUND = 0.2
TICK = 0.1
"""By how much the time of a file may lie behind the clock, in seconds."""

log = logging.getLogger(__name__)


class BackupKeeper(pykka.ThreadingActor):
    """Owns the catalogue and the schedule. It never waits: the work is done in :class:`Jobs`."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._began = services.clock.now()
        self._catalogue = Catalogue(services.layout, services.kept.note)
        self._schedule = Schedule()
        self._jobs = Jobs(services.settings.backup_parallel, self._tell_me)
        self._prover = Prover(services)
        self._workshop = Workshop(services, self._catalogue, self._prover, self._jobs.halted)
        self._restores = Restores(services, self._catalogue, self._jobs, self._workshop)
        elsewhere = open_elsewhere(services.settings)
        self._sending = Sending(services, self._catalogue, self._jobs, elsewhere)
        self._proofs = Proofs(services, self._catalogue, self._jobs, self._workshop, self._next)
        self._pieces = Pieces(services, self._catalogue)
        self._due: deque[str] = deque()
        self._scheduled: set[str] = set()
        """Those in :attr:`_due`."""
        self._running = 0
        self._timer: Timer | None = None

    def on_receive(self, message: object) -> None:
        """Take a request, or news of a job. A bug ends the request, not this."""
        try:
            self._receive(message)
        except Exception as caught:
            if not isinstance(caught, PblmError):
                log.exception("backups: a bug")
                caught = InternalError(f"The request failed by a bug: {caught!r}")
            if isinstance(message, Asked):
                message.reply(ErrorAnswer.of(caught))

    def on_stop(self) -> None:
        """End what is under way."""
        self._pieces.close()
        self._prover.close()
        self._sending.close()
        self._jobs.close()

    def _receive(self, message: object) -> None:
        match message:
            case Asked(request=request, reply=reply):
                self._serve(request, reply)
            case JobDone(result=result, then=then):
                then(result)
            case JobFailed(error=error, failed=failed):
                failed(error)
            case Begin():
                self._jobs.run(self._read, self._tell_me, self._failed_to_begin)
            case Opened(newest=newest):
                for user_id, at in newest.items():
                    self._schedule.good(user_id, at)
                    self._sending.note(user_id)
                self._round()
            case RoundDue():
                self._round()
            case OwnerChanged():
                self._owner_changed(message)
            case _:
                log.error("backups: not understood: %r", message)

    def _owner_changed(self, news: OwnerChanged) -> None:
        for user_id in news.user_ids:
            self._catalogue.forget(user_id)
            self._schedule.forget(user_id)
            entry = self._catalogue.newest(user_id)
            if entry is not None:
                self._schedule.good(user_id, entry.manifest.taken_at)
        if news.renamed:
            self._sending.send_anew(news.user_ids[1])
        elif not news.kept:
            self._sending.forget(news.user_ids[0])

    def _serve(self, request: Request, reply: Reply) -> None:
        match request:
            case CreateBackup(user_id=user_id, at=None):
                self._back_up(self._backed_up(user_id), Kind.MANUAL, reply)
            case CreateBackup(user_id=user_id, at=at):
                if self._services.replicas is None:
                    raise Conflict("Nothing is replicated: PB_REPLICA_URL is not set")
                self._back_up(self._backed_up(user_id), Kind.REPLICA, reply, at=at)
            case ListBackups(user_id=user_id, elsewhere=True):
                self._list_elsewhere(user_id, reply)
            case ListBackups(user_id=user_id):
                reply(self._list(user_id))
            case FetchBackup(user_id=user_id, backup=backup):
                self._sending.fetch(user_id, backup, reply)
            case PutBackupPolicy(user_id=user_id, policy=policy):
                self._record(user_id)
                self._catalogue.put_policy(user_id, policy)
                self._prune(user_id)
                reply(self._list(user_id))
                self._round()
            case FindBackup(user_id=user_id, backup=backup):
                entry = self._catalogue.find(user_id, backup)
                path, host = self._catalogue.archive(user_id, entry), self._services.layout.host
                reply(BackupFileAnswer(backup=entry.backup, path=str(path), host=host))
            case ReadBackup() | PutUpload():
                self._pieces.serve(request, reply)
            case DeleteBackup(user_id=user_id, backup=backup):
                self._jobs.check_free([user_id])
                entry = self._catalogue.find(user_id, backup)
                self._catalogue.remove(user_id, entry)
                self._sending.remove(entry)
                reply(BackupAnswer(backup=entry.backup))
            case ProveBackup(user_id=user_id, backup=backup):
                self._proofs.prove(user_id, self._catalogue.find(user_id, backup), reply)
            case RestoreBackup() | UndoRestore() | ConfirmRestore() | ImportInstance():
                self._restores.serve(request, reply)
            case _:
                raise InternalError(f"The keeper does not know {type(request).__name__}")

    def _list(self, user_id: str) -> BackupsAnswer:
        entries = self._catalogue.entries(user_id)
        if not entries:
            self._record(user_id)
        return self._listed(user_id, entries)

    def _list_elsewhere(self, user_id: str, reply: Reply) -> None:
        self._sending.list(user_id, lambda found: reply(self._listed(user_id, found)), reply)

    def _listed(self, user_id: str, entries: list[Entry]) -> BackupsAnswer:
        swap = Swap(self._services.layout, user_id)
        intent = swap.intent
        if intent is not None and not swap.exchanged(intent):
            intent = None  # it has only begun, or is being undone
        return BackupsAnswer(
            backups=[each.backup for each in reversed(entries)],
            policy=self._policy(user_id),
            restored_at=None if intent is None else intent.at,
        )

    def _record(self, user_id: str) -> Record:
        record = self._services.store.get(user_id)
        if record is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")
        return record

    def _backed_up(self, user_id: str) -> Record:
        record = self._record(user_id)
        if record.deleted_at is not None:
            raise Conflict("The instance is deleted: undelete it first")
        if record.identity is None:
            raise Conflict("The instance has never run: there is nothing to back up")
        return record

    def _policy(self, user_id: str) -> BackupPolicy:
        return self._catalogue.policy(user_id).over(self._services.settings.backup_policy)

    def _back_up(
        self, record: Record, kind: Kind, reply: Reply, *, at: datetime | None = None
    ) -> None:
        user_id, began = record.user_id, self._services.clock.now()
        self._jobs.take([user_id], "A backup")
        scheduled = kind is Kind.SCHEDULED
        self._running += scheduled
        progress = _silent if scheduled else progress_of(self._services, user_id, "backup")

        def made(entry: Entry | None) -> None:
            self._jobs.give_back([user_id])
            self._running -= scheduled
            if at is None:
                self._schedule.good(user_id, began)
            self._services.metrics.backups.labels("made" if entry else "unchanged").inc()
            if entry is not None:
                now, backup = self._services.clock.now(), entry.backup
                self._services.publish(BackupFinished(at=now, user_id=user_id, backup=backup))
                reply(BackupAnswer(backup=backup))
                self._sending.note(user_id)
                self._sending.go_on()
                self._prune(user_id)
                self._proofs.count_one_more()
            self._next()

        def failed(error: PblmError) -> None:
            self._jobs.give_back([user_id])
            self._running -= scheduled
            now = self._services.clock.now()
            self._schedule.failed(user_id, now)
            self._services.metrics.backups.labels("failed").inc()
            if not self._jobs.halted.is_set():
                log.error("%s", error.message)
                failure = BackupFailed(at=now, user_id=user_id, reason=error.message)
                self._services.publish(failure)
            reply(ErrorAnswer.of(error))
            self._next()

        self._jobs.run(lambda: self._workshop.back_up(record, kind, progress, at), made, failed)

    def _prune(self, user_id: str) -> None:
        for entry in expired(self._catalogue.entries(user_id), self._policy(user_id)):
            try:
                self._catalogue.remove(user_id, entry)
                self._sending.remove(entry)
            except BackupError as error:
                log.error("%s: %s", user_id, error.message)

    def _round(self) -> None:
        """Look whose backup is due, and whose former data are kept long enough."""
        now, shortest = self._services.clock.now(), LONGEST_ROUND
        if self._services.settings.backup_interval:  # of users who are still to come
            shortest = min(shortest, self._services.settings.backup_interval / 10)
        oldest = timedelta(0)
        for record in self._services.store.records():
            if record.identity is None or record.deleted_at is not None:
                continue
            try:
                interval = self._policy(record.user_id).interval
            except BackupError as error:  # the others are looked at all the same
                log.error("%s", error.message)
                continue
            if interval:
                shortest = min(shortest, interval / 10)
                good = self._schedule.last_good(record.user_id) or record.created_at
                oldest = max(oldest, now - good)
            if self._schedule.due(record.user_id, interval, now):
                self._schedule_one(record.user_id)
        self._services.metrics.backup_oldest.set(oldest.total_seconds())
        self._settle_restores(now)
        self._sending.go_on()
        self._next()
        if self._timer is not None:
            self._timer.cancel()
        later, tell = self._services.clock.call_later, self._tell_me
        self._timer = later(max(shortest, SHORTEST_ROUND), lambda: tell(RoundDue()))

    def _schedule_one(self, user_id: str) -> None:
        if user_id not in self._scheduled:
            self._scheduled.add(user_id)
            self._due.append(user_id)

    def _next(self) -> None:
        """Begin what is due, a few at a time."""
        while self._due and self._running < self._services.settings.backup_parallel:
            user_id = self._due.popleft()
            self._scheduled.discard(user_id)
            with contextlib.suppress(Conflict, NotFound):  # the next round looks at it again
                self._back_up(self._backed_up(user_id), Kind.SCHEDULED, _nobody)
        self._proofs.go_on()

    def _settle_restores(self, now: datetime) -> None:
        """Give up the former data that a restore has put aside long enough ago."""
        layout = self._services.layout
        grace = timedelta(seconds=self._services.settings.delete_grace)
        for record in self._services.store.records() if any(layout.swaps.iterdir()) else ():
            with contextlib.suppress(PblmError):
                intent = Swap(layout, record.user_id).intent
                if intent is not None and now - intent.at > grace:
                    self._services.order(KeepData(user_id=record.user_id), _nobody)

    def _read(self) -> Opened:
        """Look at everything on disk. In a thread: there may be many."""
        try:
            self._clear_up()
        except OSError as error:
            raise BackupError(str(error)) from error
        newest = {}
        users = [record.user_id for record in self._services.store.records()]
        for user_id in self._catalogue.begin(users):
            with contextlib.suppress(BackupError):  # each round tells it
                entry = self._catalogue.newest(user_id)
                if entry is not None:
                    newest[user_id] = entry.manifest.taken_at
        return Opened(newest=newest)

    def _clear_up(self) -> None:
        """Remove what former managers have left half-done."""
        layout, before = self._services.layout, self._began.timestamp() - TICK
        clear_trials(layout, self._services.processes)
        self._catalogue.sweep(before)
        for folder in (layout.drafts, layout.control / "uploads"):
            try:
                sweep(folder, before)
            except OSError as error:
                log.warning("%s is left as it is: %s", folder, error)

    def _failed_to_begin(self, error: PblmError) -> None:
        log.error("the backups cannot be read, which is tried again: %s", error.message)
        tell = self._tell_me
        self._timer = self._services.clock.call_later(LONGEST_ROUND, lambda: tell(Begin()))

    def _tell_me(self, message: Any) -> None:
        tell(self.actor_ref, message)


def make_keeper(services: Services) -> Capability:
    """Return the capability of backups, begun."""
    owner = BackupKeeper.start(services)
    owner.tell(Begin())

    def hear(event: Event) -> None:
        match event:
            case InstanceRenamed(user_id=user_id, to=to):
                owner.tell(OwnerChanged(user_ids=(user_id, to), renamed=True))
            case InstanceDeleted(user_id=user_id, purge_at=None, backups_kept=kept):
                owner.tell(OwnerChanged(user_ids=(user_id,), renamed=False, kept=kept))
            case StatusChanged(user_id=user_id, old=None) if services.directory is not None:
                owner.tell(OwnerChanged(user_ids=(user_id,), renamed=False, kept=True))

    return Capability(owner=owner, requests=REQUESTS, hear=hear, close=lambda: _close(owner))


def _close(owner: pykka.ActorRef[BackupKeeper]) -> None:
    owner.stop()


def _nobody(answer: Answer) -> None:
    """Nobody waits for it."""


def _silent(stage: str) -> None:
    """Nobody is told how far a scheduled backup is."""
