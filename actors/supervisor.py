"""Supervisor: knows every user's actor, and passes each request to its owner."""

from __future__ import annotations

import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pykka

from actors.data.orders import AdoptData, TakeUser
from actors.data.ownership import finish_renames
from actors.data.swap import finish_swap, finish_swaps
from actors.data.transfers import Transfers
from actors.disk import MIB, DiskWatch, free_bytes
from actors.facts import (
    ActorClosed,
    ActorFailed,
    Asked,
    AtRest,
    Cloned,
    HousekeepingDue,
    HurryUp,
    Ordered,
    ParkPort,
    PurgeDue,
    Recover,
    Recovered,
    Renamed,
    ReplacementDue,
    Reply,
    RunFact,
    ShutDown,
)
from actors.instance import InstanceActor
from actors.recovery import Recovery
from actors.services import Services
from actors.telling import tell
from bus.answers import ErrorAnswer, HealthAnswer, InstancesAnswer, MetadataAnswer
from bus.errors import InternalError, NotFound, PblmError, Unavailable
from bus.events import ActorReplaced
from bus.instance import Instance
from bus.requests import (
    CloneInstance,
    DrainHost,
    GetCluster,
    GetHealth,
    GetMetadata,
    InitInstance,
    ListInstances,
    MoveInstance,
    RebalanceHost,
    RenameInstance,
    Request,
    UserRequest,
    VerifyReplica,
)
from bus.states import SETTLED, Desired, Status

HOUSEKEEPING = 15.0
"""Seconds between two looks at the machine: free disk, stray processes."""
RESPITE = 10.0
"""An actor that dies again within so many seconds is replaced only after as many more."""

log = logging.getLogger(__name__)


class Supervisor(pykka.ThreadingActor):
    """Owns the instance actors. Reads it answers itself, from the registry."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._actors: dict[str, pykka.ActorRef[InstanceActor]] = {}
        self._passed_on: Counter[str] = Counter()
        """So many requests and orders the actor of each user was told, by user."""
        self._replaced: dict[str, float] = {}
        self._resting: dict[str, tuple[object, ...]] = {}
        self._closing: set[str] = set()
        self._transfers = Transfers(services, self.actor_ref.tell)
        self._recovery = Recovery(self._actor)
        self._closed: Callable[[], None] | None = None
        self._keep = False
        self._disk = DiskWatch(
            services.layout.root,
            least=services.settings.disk_low_mib * MIB,
            now=services.clock.now,
            publish=services.publish,
        )

    def on_receive(self, message: object) -> None:
        """Take a request, or news of an instance's actor. A bug ends the request, not this."""
        try:
            self._receive(message)
        except Exception as bug:
            error = bug if isinstance(bug, PblmError) else _bug(bug)
            if isinstance(message, Asked | Ordered):
                message.reply(ErrorAnswer.of(error))

    def _receive(self, message: object) -> None:
        match message:
            case Asked(request=request, reply=reply):
                self._serve(request, reply, message)
            case Ordered():
                self._carry_out(message)
            case ActorFailed(user_id=user_id, unread=unread):
                self._actor_failed(user_id, unread)
            case ReplacementDue(user_id=user_id):
                if user_id in self._resting:
                    self._replace(user_id, self._resting.pop(user_id))
            case AtRest():
                self._let_go(message)
            case Recover():
                self._recover()
            case Recovered():
                self._recovery.next()
            case ShutDown(done=done, keep=keep):
                self._shut_down(done, keep=keep)
            case Renamed():
                self._renamed(message)
            case Cloned():
                self._retire(message.request.to)
                self._transfers.cloned(message)
            case HousekeepingDue():
                self._keep_house()
            case HurryUp():
                self._tell_all(message)
            case ActorClosed(user_id=user_id):
                self._actor_closed(user_id)
            case _:
                log.error("supervisor: not understood: %r", message)

    def _serve(self, request: Request, reply: Reply, asked: Asked) -> None:
        if self._closed is not None:
            raise Unavailable("The manager is stopping", retry_after=5)
        match request:
            case ListInstances():
                reply(self._list(request))
            case GetHealth():
                reply(self._health(request))
            case InitInstance(user_id=user_id):
                self._transfers.check_free(user_id)
                self._pass_on(user_id, asked)
            case GetMetadata(user_id=user_id):
                self._check_known(user_id)
                reply(MetadataAnswer(metadata=self._services.store.metadata(user_id)))
            case RenameInstance(user_id=user_id, to=to):
                self._check_known(user_id)
                self._transfers.reserve(to, renamed_from=user_id)
                self._pass_on(user_id, asked)
            case CloneInstance(user_id=user_id):
                self._check_known(user_id)
                self._transfers.clone(request, reply)
            case GetCluster() | MoveInstance() | DrainHost() | RebalanceHost() | VerifyReplica():
                raise NotFound("This host is on its own: PB_CLUSTER_ETCD is not set")
            case UserRequest(user_id=user_id):
                self._check_known(user_id)
                self._pass_on(user_id, asked)
            case _:
                raise InternalError(f"Nobody knows {type(request).__name__}")

    def _retire(self, user_id: str) -> None:
        """Let go of the actor of somebody who was purged: it knows nothing of who comes now."""
        if user_id in self._actors and self._services.store.get(user_id) is None:
            self._actors.pop(user_id).stop(block=False)

    def _carry_out(self, ordered: Ordered) -> None:
        if self._closed is not None:
            raise Unavailable("The manager is stopping", retry_after=5)
        user_id = ordered.order.user_id
        match ordered.order:
            case AdoptData() as adoption:
                self._retire(user_id)
                ordered.reply(self._transfers.adopt(adoption))
            case TakeUser() as claimed if self._services.store.get(user_id) is None:
                self._retire(user_id)
                ordered.reply(self._transfers.take(claimed))
            case _:
                self._check_known(user_id)
                self._pass_on(user_id, ordered)

    def _pass_on(self, user_id: str, asked: Asked | Ordered) -> None:
        try:
            self._actor(user_id).tell(asked)
            self._passed_on[user_id] += 1
        except pykka.ActorDeadError as error:
            raise Unavailable(f"{user_id}: its actor is being replaced", retry_after=1) from error

    def _let_go(self, resting: AtRest) -> None:
        """End the actor of a sleeper: the next one who asks for that user gets another.

        Not if it was told something since: it is told by nobody else.
        """
        user_id = resting.user_id
        actor = self._actors.get(user_id)
        if actor is None or actor.actor_urn != resting.urn or self._closed is not None:
            return
        if self._passed_on[user_id] == resting.taken:
            del self._actors[user_id], self._passed_on[user_id]
            actor.stop(block=False)

    def _check_known(self, user_id: str) -> None:
        if self._services.store.get(user_id) is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")

    def _renamed(self, news: Renamed) -> None:
        self._transfers.free(news.to)
        if self._services.store.get(news.user_id) is None:
            self._actors.pop(news.user_id).stop(block=False)
            self._actor(news.to).tell(Recover())

    def _list(self, request: ListInstances) -> InstancesAnswer:
        store, layout = self._services.store, self._services.layout
        page, more = store.page(request.status, request.limit, request.after)
        instances = {record.user_id: record.instance(layout) for record in page}
        if request.usage:
            instances = {key: self._services.usage.beside(one) for key, one in instances.items()}
        if request.backups:
            instances = {key: self._services.kept.beside(one) for key, one in instances.items()}
        if request.metadata:
            instances = {key: self._with_metadata(one) for key, one in instances.items()}
        return InstancesAnswer(
            instances=instances,
            total=store.total(request.status),
            next=page[-1].user_id if more else None,
        )

    def _with_metadata(self, instance: Instance) -> Instance:
        metadata = self._services.store.metadata(instance.user_id)
        return msgspec.structs.replace(instance, metadata=metadata)

    def _health(self, request: GetHealth) -> HealthAnswer:
        store, directory = self._services.store, self._services.directory
        return HealthAnswer(
            total_instances=store.total(),
            running_instances=store.total(Status.RUNNING),
            at=self._services.clock.now(),
            disk_free_bytes=free_bytes(self._services.layout.root),
            disk_low=self._disk.low,
            registry_problem=store.problem() if request.write else None,
            fenced=msgspec.UNSET if directory is None else directory.absence() or None,
        )

    def _actor(self, user_id: str) -> pykka.ActorRef[InstanceActor]:
        if user_id not in self._actors:
            del self._passed_on[user_id]
            self._actors[user_id] = InstanceActor.start(user_id, self._services, self.actor_ref)
            if self._recovery.take(user_id):  # before anything else that it is told
                self._actors[user_id].tell(Recover(done=lambda: tell(self.actor_ref, Recovered())))
        return self._actors[user_id]

    def _actor_failed(self, user_id: str, unread: tuple[object, ...]) -> None:
        last = self._replaced.get(user_id)
        if last is None or self._closed or self._services.clock.monotonic() - last > RESPITE:
            self._replace(user_id, unread)
        else:
            log.error("%s: its actor died again: it is replaced in %g s", user_id, RESPITE)
            self._resting[user_id] = unread
            self._later(RESPITE, ReplacementDue(user_id=user_id))

    def _replace(self, user_id: str, unread: tuple[object, ...]) -> None:
        log.error("%s: its actor died of a bug and is replaced", user_id)
        self._replaced[user_id] = self._services.clock.monotonic()
        self._actors.pop(user_id, None)
        owner = self._transfers.settle(user_id)
        finish_swap(self._services.store, self._services.layout, owner)
        actor = self._actor(owner)
        if self._services.store.get(owner) is not None:
            actor.tell(Recover())
        for message in unread:
            if not isinstance(message, RunFact):  # the new actor asks for what it needs to know
                if owner == user_id:
                    self._passed_on[user_id] += isinstance(message, Asked | Ordered)
                    actor.tell(message)
                else:
                    self.actor_ref.tell(message)
        if self._closed is not None:
            actor.tell(ShutDown(done=self._when_closed(user_id), keep=self._keep))
        self._services.publish(
            ActorReplaced(at=self._services.clock.now(), user_id=user_id, reason="It died of a bug")
        )

    def _recover(self) -> None:
        """Have every user go on who is to run, or was on the way somewhere."""
        finish_renames(self._services.store, self._services.layout)
        finish_swaps(self._services.store, self._services.layout)
        records = self._services.store.records()
        self._services.strays.scan({record.process for record in records if record.process})
        found = []
        for record in records:
            asleep = record.status is Status.HIBERNATED and record.pid is None
            if asleep and record.port is not None:
                self._services.ports.tell(ParkPort(user_id=record.user_id, port=record.port))
            wants_to_run = record.desired is Desired.RUNNING and not asleep
            if wants_to_run or record.status not in SETTLED or record.pid is not None:
                found.append(record.user_id)
        self._recovery.begin(found)
        self._disk.check()
        self._purge()
        self._later(HOUSEKEEPING, HousekeepingDue())

    def _keep_house(self) -> None:
        self._disk.check()
        with contextlib.suppress(PblmError):
            self._services.store.catch_up()
        self._purge()
        self._services.health.run(self._services.strays.scan)
        self._later(HOUSEKEEPING, HousekeepingDue())

    def _purge(self) -> None:
        limit = self._services.clock.now() - timedelta(seconds=self._services.settings.delete_grace)
        for record in self._services.store.records():
            if record.deleted_at is not None and record.deleted_at <= limit:
                self._actor(record.user_id).tell(PurgeDue())

    def _shut_down(self, done: Callable[[], None], *, keep: bool) -> None:
        self._closed, self._keep = done, keep
        self._recovery.hurry()
        self._closing = set(self._actors)
        for user_id, actor in self._actors.items():
            # Of one that is not there any more, its successor is told.
            tell(actor, ShutDown(done=self._when_closed(user_id), keep=keep))
        while self._resting:
            self._replace(*self._resting.popitem())
        self._done_if_closed()

    def _when_closed(self, user_id: str) -> Callable[[], None]:
        return lambda: self.actor_ref.tell(ActorClosed(user_id=user_id))

    def _actor_closed(self, user_id: str) -> None:
        self._closing.discard(user_id)
        self._actors.pop(user_id, None)
        self._done_if_closed()

    def _done_if_closed(self) -> None:
        if self._closed is not None and not self._closing:
            self._closed()

    def _later(self, delay: float, message: object) -> None:
        self._services.clock.call_later(delay, lambda: tell(self.actor_ref, message))

    def _tell_all(self, message: Any) -> None:
        for actor in self._actors.values():
            tell(actor, message)


def _bug(bug: Exception) -> InternalError:
    log.exception("supervisor: a bug")
    return InternalError(f"The request failed by a bug: {bug!r}")
