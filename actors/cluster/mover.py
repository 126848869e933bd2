"""Mover: hands users over to other hosts, with nothing lost that was acknowledged.

::

    moving --stop, copy the rest--> nobody's, for the target --restored, compared--> the target's
       |                                     |
       '--------- it stays <-----------------'   what arrived is not what was sent

The former owner keeps its data until the target has claimed the user. What the target has restored
is compared with what was left behind, so a copy that fell short is never served.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pykka

from actors.backups.snapshot import sha256_of
from actors.capability import Capability
from actors.cluster.atlas import Atlas
from actors.cluster.directory import Place, State
from actors.cluster.gateway import Unreachable
from actors.cluster.handover import Handover
from actors.cluster.jobs import problem_of
from actors.cluster.recovery import Recovery, RecoveryFailed
from actors.cluster.steward import Steward
from actors.cluster.whereabouts import heir
from actors.data.database import UserDataError, fold_log
from actors.data.orders import Disown, LetUserGo, Order, StandStill
from actors.facts import Asked, Reply
from actors.records import Record
from actors.replication.files import FileCopier
from actors.replication.place import Place as ReplicaPlace
from actors.replication.replicas import Replicas
from actors.services import Services
from bus.answers import Answer, DrillAnswer, ErrorAnswer, MovesAnswer, PlaceAnswer
from bus.errors import BackupError, Conflict, NotFound, PblmError, Unavailable
from bus.requests import DrainHost, MoveInstance, RebalanceHost, VerifyReplica

AT_ONCE = 2
"""So many moves at a time: each takes the disk and the network for itself."""
ARRIVAL = 60.0
"""Seconds in which the target claims what was handed over to it, and has it running."""
ANSWER = 30.0
"""Seconds that a user's actor may take to have its process ended."""

log = logging.getLogger(__name__)


class Mover(pykka.ThreadingActor):
    """Takes the requests; the work is done in threads of its own."""

    def __init__(self, moves: Moves, drain: Callable[[bool], None]) -> None:
        """``drain`` tells the other hosts whether this one takes anybody."""
        super().__init__()
        self._moves = moves
        self._drain = drain

    def on_receive(self, message: object) -> None:
        """Take a request."""
        match message:
            case Asked(request=MoveInstance(user_id=user_id, host=host), reply=reply):
                self._moves.begin(lambda: reply(self._moves.move(user_id, host)), reply)
            case Asked(request=VerifyReplica(user_id=user_id), reply=reply):
                self._moves.begin_drill(lambda: reply(self._moves.verify(user_id)), reply)
            case Asked(request=DrainHost(host=host, off=off), reply=reply):
                self._moves.begin(lambda: self._empty(host, off, reply), reply)
            case Asked(request=RebalanceHost(host=host), reply=reply):
                self._moves.begin(lambda: reply(self._moves.spread(host)), reply)
            case _:
                log.error("mover: not understood: %r", message)

    def _empty(self, host: str, off: bool, reply: Reply) -> None:
        self._moves.check_here(host)
        self._drain(not off)
        reply(MovesAnswer(users=[]) if off else self._moves.spread(host))


class Moves:
    """What is done in threads that may wait."""

    def __init__(
        self,
        services: Services,
        atlas: Atlas,
        handover: Handover,
        steward: Steward,
        recovery: Recovery,
        replicas: Replicas,
        replica: ReplicaPlace,
    ) -> None:
        self._services = services
        self._atlas = atlas
        self._handover = handover
        self._steward = steward
        self._recovery = recovery
        self._replicas = replicas
        self._replica = replica
        self._changed = threading.Condition()
        self._closed = False
        self._halted = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mover")
        self._asked = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="moves")
        self._drills = ThreadPoolExecutor(1, thread_name_prefix="drill")
        atlas.listen(self._notice)

    def close(self) -> None:
        """Begin nothing more."""
        self._closed = True
        self._halted.set()
        self._notice()
        for pool in (self._pool, self._asked, self._drills):
            pool.shutdown(cancel_futures=True)

    def begin(self, work: Callable[[], None], reply: Reply) -> None:
        """Do what was asked for when its turn comes."""
        _submit(self._asked, lambda: _answered(work, reply))

    def begin_drill(self, work: Callable[[], None], reply: Reply) -> None:
        """Likewise, for what may take as long as the replica lets it."""
        _submit(self._drills, lambda: _answered(work, reply))

    def check_here(self, host: str) -> None:
        """Raise :class:`NotFound` unless it is this host."""
        if host != self._atlas.host:
            raise NotFound(f"This is host {self._atlas.host}, not {host}")

    def spread(self, host: str) -> MovesAnswer:
        """Have those go where they belong by now who are here and belong elsewhere."""
        self.check_here(host)
        hosts = self._atlas.hosts()
        going = {
            user_id: target
            for user_id, place in self._atlas.places().items()
            if place.host == host
            and place.state not in (State.PURGED, State.MOVING)
            and (target := heir(user_id, hosts)) not in (None, host)
        }
        for user_id, target in going.items():
            _submit(self._pool, functools.partial(self._try, user_id, target))
        return MovesAnswer(users=sorted(going))

    def move(self, user_id: str, target: str) -> PlaceAnswer:
        """Move one user; return its place there. Raises :class:`PblmError`: it has stayed."""
        self._place(user_id)
        if target == self._atlas.host:
            raise Conflict(f"{user_id} is on {target} already")
        if target not in self._atlas.hosts():
            raise NotFound(f"There is no host {target}")
        with self._handover.alone(user_id):
            self._steward.check_stayed(user_id)
            self._hand_over(user_id, target)
            place = self._await_arrival(user_id, target)
            if place.host != target:
                raise Unavailable(f"{user_id} has not gone to {target}: see that host's log")
            with contextlib.suppress(NotFound):  # the steward may have seen it just before
                self._carry_out(LetUserGo(user_id=user_id, reason=f"It has moved to {target}"))
        return _answer(user_id, self._await_run(user_id, target))

    def verify(self, user_id: str) -> DrillAnswer:
        """Restore the user's replica, and look at what came out."""
        place = self._place(user_id)
        began = self._services.clock.monotonic()
        try:
            drill = self._recovery.drill(user_id, place)
        except RecoveryFailed as failure:
            raise BackupError(
                f"The replica of {user_id} cannot be restored: {failure}"
            ) from failure
        return DrillAnswer(
            user_id=user_id,
            generation=drill.generation,
            database_bytes=drill.size,
            rows=drill.rows,
            seconds=self._services.clock.monotonic() - began,
            at=self._services.clock.now(),
        )

    def _place(self, user_id: str) -> Place:
        """Return the user's place, as etcd has it. Raises :class:`NotFound`: there is none."""
        place = self._atlas.read(user_id)
        if place is None or place.state is State.PURGED:
            raise NotFound(f"No PocketBase instance for user {user_id}")
        return place

    def _hand_over(self, user_id: str, target: str) -> None:
        if self._services.store.get(user_id) is None:  # it is claimed, and being restored
            raise Unavailable(f"{user_id} is being brought to this host", retry_after=1)
        self._replicas.check_place()  # who is moved stands still meanwhile
        try:
            moving = self._handover.begin(user_id, target)
        except Unreachable:  # it may have come true; nothing was stopped yet
            self._steward.stay(user_id, target, resume=False)
            raise
        try:
            self._carry_out(StandStill(user_id=user_id, reason=f"It moves to {target}"))
            digest, durable = self._settled(user_id, moving)
            self._carry_out(Disown(user_id=user_id))
            self._handover.hand_over(user_id, target, digest, durable)
        except Exception as error:
            log.warning("%s: it stays: %s", user_id, error)
            self._steward.stay(user_id, target, resume=moving.wanted)
            raise

    def _settled(self, user_id: str, place: Place) -> tuple[str | None, int]:
        """Have the replica hold all that is here.

        Nobody serves it any more. Returns a digest of the database, if there is one, and the epoch
        that it is of in the replica.
        """
        record = self._services.store.get(user_id)
        if record is None:
            return None, place.durable
        data = self._services.layout.data(user_id)
        if record.deleted_at is not None:
            data = self._services.layout.trash(user_id)
        if not (data / "data.db").exists():
            return None, place.durable
        durable = self._copied(record, data, place)
        self._copy_files(user_id)
        try:
            folded = fold_log(data)
        except UserDataError as error:
            raise BackupError(f"The database of {user_id} cannot be closed: {error}") from error
        if not folded:
            raise BackupError(f"The database of {user_id} is still being read")
        return sha256_of(data / "data.db"), durable

    def _copied(self, record: Record, data: Path, place: Place) -> int:
        """Have all changes of the database in the replica; return their epoch there."""
        unknown = self._replicas.state(record.user_id).current() is None
        if unknown and place.durable:
            # It came and has not run since: the replica is what was restored here. Whether it is,
            # the target sees by the digest, as of everybody.
            return place.durable
        if unknown:  # a clone, an import or a new name that has not run yet
            self._replicas.copy_once(record, data)
        if not self._replicas.is_complete(record):
            raise BackupError(f"The last changes of {record.user_id} have not reached its replica")
        return record.epoch

    def _copy_files(self, user_id: str) -> None:
        copier = FileCopier(self._services.layout, self._replica)
        copier.halted = self._halted
        copier.copy(user_id)
        if self._closed:  # it may have been cut short
            raise Unavailable("The manager is stopping", retry_after=5)

    def _await_arrival(self, user_id: str, target: str) -> Place:
        """Return the place when the target has it, or it has come back to us."""
        return self._await(user_id, lambda place: place.host != "" or place.target != target)

    def _await_run(self, user_id: str, target: str) -> Place:
        return self._await(
            user_id,
            lambda place: place.host != target or place.state in (State.RUNNING, State.STOPPED),
        )

    def _await(self, user_id: str, condition: Callable[[Place], bool]) -> Place:
        def come_true() -> bool:
            place = self._atlas.place(user_id)
            return self._closed or place is None or condition(place)

        with self._changed:
            if not self._changed.wait_for(come_true, ARRIVAL) or self._closed:
                raise Unavailable(f"{user_id} is still on its way after {ARRIVAL:g} s")
        place = self._atlas.place(user_id)
        if place is None:
            raise Unavailable(f"{user_id} has no place any more")
        return place

    def _notice(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def _try(self, user_id: str, target: str) -> None:
        try:
            self.move(user_id, target)
        except (PblmError, Unreachable) as error:
            log.warning("%s: not moved to %s: %s", user_id, target, error)
        except Exception:
            log.exception("%s: not moved to %s, by a bug", user_id, target)

    def _carry_out(self, order: Order) -> None:
        answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
        self._services.order(order, answers.put)
        try:
            answer = answers.get(timeout=ANSWER)
        except queue.Empty:
            raise Unavailable(f"The actor of {order.user_id} does not answer") from None
        if isinstance(answer, ErrorAnswer):
            raise answer.error()


def make_mover(
    moves: Moves, drain: Callable[[bool], None], give_up: Callable[[], None]
) -> Capability:
    """Return the capability of moves, begun; ``give_up`` ends what is restored."""
    owner = Mover.start(moves, drain)

    def close() -> None:
        give_up()
        moves.close()
        owner.stop()

    requests: tuple[Any, ...] = (MoveInstance, DrainHost, RebalanceHost, VerifyReplica)
    return Capability(owner=owner, requests=requests, close=close)


def _answer(user_id: str, place: Place) -> PlaceAnswer:
    return PlaceAnswer(
        user_id=user_id,
        host=place.host,
        epoch=place.epoch,
        state=place.state.value,
        address=place.address,
    )


def _answered(work: Callable[[], None], reply: Reply) -> None:
    problem = problem_of(work)
    if problem is not None:
        reply(ErrorAnswer.of(problem))


def _submit(pool: ThreadPoolExecutor, work: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # closed
        pool.submit(work)
