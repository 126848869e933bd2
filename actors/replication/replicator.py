"""Replicator: looks after the replicas of all users."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pykka

from actors.capability import Capability
from actors.facts import Asked, Reply
from actors.layout import directory_name
from actors.records import Leftover, last_heir
from actors.replication.facts import (
    FilesCopied,
    FilesDue,
    FilesForgotten,
    LagDue,
    LagKnown,
    LeftoversDue,
    LookDue,
    PruneDue,
)
from actors.replication.files import FileCopier
from actors.replication.generation import outdated
from actors.replication.lag import LagWatch
from actors.replication.limit import LagLimit
from actors.replication.replicas import Replicas
from actors.services import Services
from actors.telling import tell
from bus.answers import Answer, ErrorAnswer, ReplicaAnswer, ReplicaGeneration
from bus.errors import Conflict, InternalError, NotFound, PblmError
from bus.events import Event, InstanceDeleted, InstanceRenamed
from bus.requests import GetReplica, InitInstance
from bus.states import Status

LOOK = 2.0
"""Seconds between two looks at which file each database is."""
FILES_ROUND = 5.0
"""Seconds from one round of copying files to the next."""
LAG_ROUND = 5.0
"""Seconds from one look how far the replicas are behind to the next."""
MUCH_LAG = 60.0
"""So many seconds of lag are told in the log."""
CLEAR_UP = 60.0
"""Seconds from one look for replicas that are nobody's any more to the next."""
PRUNE = 3600.0
"""Seconds from one look for what is too old to the next."""
THREADS = 3
"""One copies files; the others look into the place for those who ask."""

log = logging.getLogger(__name__)


class Replicator(pykka.ThreadingActor):
    """Has uploads follow, and a new replica begin where a database was exchanged. Never waits."""

    def __init__(self, services: Services, replicas: Replicas) -> None:
        super().__init__()
        self._services = services
        self._replicas = replicas
        self._place = replicas.place
        self._copier = FileCopier(services.layout, self._place)
        self._copied_at: dict[str, datetime] = {}
        self._problems: dict[str, str] = {}
        self._forgotten: set[str] = set()
        self._tried = set(services.store.leftovers())
        """What may lie there longer than since just now."""
        self._held: set[Leftover] = set()
        """What the hosts are still to hear of, which was logged."""
        self._lag = LagWatch(replicas.glance)
        self._behind = False
        self._limit = LagLimit(services)
        most = services.settings.cluster_max_lag
        self._lag_round = LAG_ROUND if most is None else min(LAG_ROUND, most / 2)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="replicas")
        # A place that hangs holds a look at what is left for minutes, and the lag is a promise.
        self._clearing = ThreadPoolExecutor(1, thread_name_prefix="leftovers")
        self._measuring = ThreadPoolExecutor(1, thread_name_prefix="lag")

    def on_receive(self, message: object) -> None:
        """Take a request, or the news that time has passed. A bug ends the step, not this."""
        match message:
            case Asked(request=GetReplica(user_id=user_id), reply=reply):
                self._run(lambda: reply(self._answer(user_id)), reply)
            case LookDue():
                self._safely(self._look)
                self._later(LOOK, LookDue())
            case FilesDue():
                forgotten, self._forgotten = self._forgotten, set()
                self._run(lambda: self._copy_files(forgotten))
            case FilesCopied():
                self._files_copied(message)
                self._later(FILES_ROUND, FilesDue())
            case FilesForgotten(user_ids=user_ids):
                self._forgotten.update(user_ids)
            case LeftoversDue(user_id=whose):
                self._run(lambda: self._clear_up(whose), pool=self._clearing)
            case LagDue():
                self._run(self._measure_lag, pool=self._measuring)
            case LagKnown():
                self._lag_known(message)
                self._later(self._lag_round, LagDue())
            case PruneDue():
                self._run(self._prune)
                self._later(PRUNE, PruneDue())
            case _:
                log.error("replicator: not understood: %r", message)

    def on_stop(self) -> None:
        """End what is under way, and the threads."""
        self._copier.halted.set()
        self._replicas.close()
        for pool in (self._pool, self._clearing, self._measuring):
            pool.shutdown(cancel_futures=True)

    def _look(self) -> None:
        for record in self._services.store.records():
            if record.status is Status.RUNNING and self._replicas.replaced(record.user_id):
                log.warning(
                    "%s: another database was put in its place: it is started again, "
                    "to be replicated from now on",
                    record.user_id,
                )
                request = InitInstance(user_id=record.user_id, force_restart=True, wait=False)
                self._services.ask(request, _tell_refusal)

    def _copy_files(self, forgotten: set[str]) -> None:
        """One round. In a thread: a bucket may be slow."""
        for user_id in forgotten:
            self._copier.forget(user_id)
        problems, users = {}, []
        for record in self._services.store.records():
            if record.identity is None or record.deleted_at is not None:
                continue
            try:
                self._copier.copy(record.user_id)
                users.append(record.user_id)
            except PblmError as error:
                problems[record.user_id] = error.message
            except Exception as bug:
                log.exception("%s: files", record.user_id)
                problems[record.user_id] = repr(bug)
            if self._copier.halted.is_set():
                return
        now = self._services.clock.now()
        tell(self.actor_ref, FilesCopied(at=now, problems=problems, users=tuple(users)))

    def _clear_up(self, only: str | None) -> None:
        """One round, of that user or of all; of all again a while after its end. In a thread."""
        try:
            self._remove_leftovers(only)
        finally:
            if only is None:
                self._later(CLEAR_UP, LeftoversDue())

    def _remove_leftovers(self, only: str | None) -> None:
        """Have nothing in the place that is nobody's any more."""
        found = self._services.store.leftovers()
        needed: dict[str, datetime] = {}
        for left in found:
            if self._copier.halted.is_set():
                return
            if only in (None, left.user_id):
                try:
                    if self._is_nobodys(left, found):
                        self._remove(left, found, since=needed.get(left.user_id))
                    else:
                        needed[left.user_id] = left.at
                except PblmError as error:
                    needed[left.user_id] = left.at
                    log.error("%s: the replica is still there: %s", left.user_id, error.message)

    def _is_nobodys(self, left: Leftover, found: Sequence[Leftover]) -> bool:
        """Whether nobody goes on with it, and whoever has the data has a replica of its own."""
        there, tenancy = self._services.store.get(left.user_id), self._services.tenancy
        if there is not None and left.is_of(there):
            return False
        if tenancy is not None and not tenancy.has_ended(left.user_id, left.epoch):
            if left not in self._held:
                log.info("%s: its replica stays until the hosts know its end", left.user_id)
            self._held.add(left)
            return False
        heir = last_heir(left, found)
        record = None if heir is None else self._services.store.get(heir)
        return record is None or self._replicas.has_base(record)

    def _remove(self, left: Leftover, found: Sequence[Leftover], *, since: datetime | None) -> None:
        """Whoever asks to be forgotten is. What was written before ``since`` is still needed."""
        user_id = left.user_id
        again = left in self._tried or left.heir is not None
        back = last_heir(left, found) == user_id  # by its old name: the files are its own
        self._tried.add(left)
        try:
            user = directory_name(user_id)
            self._place.purge(user, left.epoch, left.at, again=again, since=since, files=not back)
            self._services.store.removed(left)
        finally:  # what a successor has sent meanwhile may be gone, too: it is sent again
            tell(self.actor_ref, FilesForgotten(user_ids=(user_id,)))

    def _prune(self) -> None:
        """Remove the generations that ended too long ago for anybody. In a thread."""
        kept = timedelta(seconds=self._services.settings.replica_retention)
        before, tenancy = self._services.clock.now() - kept, self._services.tenancy
        for record in self._services.store.records():
            user = directory_name(record.user_id)
            try:
                durable = None if tenancy is None else tenancy.durable(record.user_id)
                for name in outdated(self._place.generations(user), before, durable):
                    log.info("%s: generation %s is removed", record.user_id, name)
                    self._place.remove_folder(user, name)
            except PblmError as error:
                log.warning("%s: old generations stay: %s", record.user_id, error.message)
                return
            if self._copier.halted.is_set():
                return

    def _measure_lag(self) -> None:
        """In a thread."""
        lags = {}
        self._lag.begin()
        if self._limit.holds:
            self._lag.look()
        for record in self._services.store.records():
            if record.status is not Status.RUNNING or self._copier.halted.is_set():
                continue
            now = self._services.clock.now().timestamp()
            state = self._replicas.state(record.user_id)
            lags[record.user_id] = self._lag.of(record.user_id, state, now)
        self._lag.keep_only(set(lags))
        tell(self.actor_ref, LagKnown(lags=lags, silent=self._lag.silent))

    def _lag_known(self, known: LagKnown) -> None:
        """Tell when it becomes much, and when it is over."""
        user_id, seconds = max(known.lags.items(), key=lambda each: each[1], default=("", 0.0))
        self._services.metrics.replica_lag.set(seconds)
        self._limit.know(known.lags, known.silent)
        behind = seconds > MUCH_LAG
        if behind and not self._behind:
            log.error("%s: changes of the last %.0f s are not in the replica", user_id, seconds)
        elif self._behind and not behind:
            log.info("the replicas have caught up")
        self._behind = behind

    def _files_copied(self, news: FilesCopied) -> None:
        for user_id, problem in news.problems.items():
            if self._problems.get(user_id) != problem:
                log.warning("%s: uploaded files are not replicated: %s", user_id, problem)
        self._problems = news.problems
        self._copied_at.update(dict.fromkeys(news.users, news.at))

    def _answer(self, user_id: str) -> ReplicaAnswer:
        """Look into the place. In a thread."""
        if self._services.store.get(user_id) is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")
        user = directory_name(user_id)
        generations = self._place.generations(user)
        last = next(reversed(generations), None)
        return ReplicaAnswer(
            user_id=user_id,
            url=f"{self._services.settings.replica_url}/{user}",
            generations=[
                ReplicaGeneration(name=name, began_at=began) for name, began in generations.items()
            ],
            written_at=None if last is None else self._place.written_at(user, last),
            files=len(self._place.files(user)),
            files_copied_at=self._copied_at.get(user_id),
            problem=self._problems.get(user_id),
        )

    def _run(
        self,
        work: Callable[[], object],
        reply: Reply | None = None,
        *,
        pool: ThreadPoolExecutor | None = None,
    ) -> None:
        def safely() -> None:
            try:
                work()
            except Exception as bug:
                if not isinstance(bug, PblmError):
                    log.exception("replicator: a bug")
                if reply is not None:
                    reply(ErrorAnswer.of(_known(bug)))

        with contextlib.suppress(RuntimeError):  # closed
            (pool or self._pool).submit(safely)

    def _safely(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:
            log.exception("replicator: a bug")

    def _later(self, delay: float, message: object) -> None:
        self._services.clock.call_later(delay, lambda: tell(self.actor_ref, message))


class NoReplicator(pykka.ThreadingActor):
    """Where nothing is replicated: says so."""

    def on_receive(self, message: object) -> None:
        """Take a request."""
        if isinstance(message, Asked):
            error = Conflict("Nothing is replicated: PB_REPLICA_URL is not set")
            message.reply(ErrorAnswer.of(error))


def make_replicator(services: Services) -> Capability:
    """Return the capability of replicas, begun."""
    if services.replicas is None:
        return _capability(NoReplicator.start())
    ref = Replicator.start(services, services.replicas)
    ref.tell(LookDue())
    ref.tell(FilesDue())
    ref.tell(PruneDue())
    ref.tell(LagDue())
    ref.tell(LeftoversDue())

    def hear(event: Event) -> None:
        match event:
            case InstanceRenamed(user_id=user_id, to=to):
                ref.tell(FilesForgotten(user_ids=(user_id, to)))
            case InstanceDeleted(user_id=user_id, data_epoch=int()):
                ref.tell(LeftoversDue(user_id=user_id))

    return _capability(ref, hear)


def _capability(
    ref: pykka.ActorRef[Replicator] | pykka.ActorRef[NoReplicator],
    hear: Callable[[Event], None] = lambda event: None,
) -> Capability:
    def close() -> None:
        ref.stop()

    return Capability(owner=ref, requests=(GetReplica,), hear=hear, close=close)


def _known(bug: Exception) -> PblmError:
    return bug if isinstance(bug, PblmError) else InternalError(f"It failed by a bug: {bug!r}")


def _tell_refusal(answer: Answer) -> None:
    if isinstance(answer, ErrorAnswer):
        log.error("it could not be started again: %s", answer.message)
