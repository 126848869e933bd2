"""InstanceActor: one user's PocketBase.

The mailbox of the instance: requests and facts come in here, one at a time, and here is decided
what a request means in the status that the instance has. What its process goes through is the
business of :class:`actors.lifecycle.Lifecycle`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import pykka

from actors import proc
from actors.data import tokens, userdata
from actors.data.database import UserDataError
from actors.data.orders import (
    Disown,
    KeepData,
    LetUserGo,
    PutDataBack,
    ReplaceData,
    StandStill,
    TakeUser,
)
from actors.data.ownership import Ownership
from actors.data.replacement import Replacement
from actors.data.standstill import Hold
from actors.data.transfers import take_over
from actors.facts import (
    ActorFailed,
    AnswersAgain,
    Asked,
    AtRest,
    HurryUp,
    LastLookTaken,
    Ordered,
    PurgeAgreed,
    PurgeDue,
    Recover,
    ReplacementProven,
    Reply,
    RunFact,
    ShutDown,
)
from actors.lifecycle import GONE, Lifecycle
from actors.pooled import PooledActor
from actors.process import ManagedProcess
from actors.records import Record
from actors.services import Services
from actors.sleep.falling import FallingAsleep
from actors.sleep.waking import Waking
from bus import trace
from bus.answers import MetadataAnswer, RevokedAnswer, TokenAnswer
from bus.causes import REMEDY, Remedy
from bus.errors import Conflict, InstanceIOError, InternalError, NotFound, PblmError, Unavailable
from bus.requests import (
    DeleteInstance,
    InitInstance,
    MintToken,
    PutMetadata,
    RenameInstance,
    RevokeTokens,
    SleepInstance,
    StopInstance,
    UndeleteInstance,
    UpgradeInstance,
    WakeInstance,
)
from bus.states import Desired, Status

log = logging.getLogger(__name__)


class InstanceActor(PooledActor):
    """Owns the user's process, its timers and its row in the registry. It never waits."""

    def __init__(self, user_id: str, services: Services, supervisor: pykka.ActorRef[Any]) -> None:
        super().__init__(services.turns)
        self._user_id = user_id
        self._services = services
        self._supervisor = supervisor
        self._life = Lifecycle(user_id, services, self._tell_me, self._settled)
        self._keeper = self._life.keeper
        self._waiters = self._life.waiters
        self._ownership = Ownership(user_id, services, self._life, supervisor.tell, self._tell_me)
        self._replacement = Replacement(user_id, services, self._life, self._tell_me)
        self._waking = Waking(user_id, services, self._life, self._tell_me)
        self._falling = FallingAsleep(user_id, services, self._life, self._tell_me)
        self._hold = Hold()
        self._closed: Callable[[], None] | None = None
        self._taken = 0

    def on_receive(self, message: object) -> None:
        """Take a request about this user, or a fact about its process."""
        self._receive(message)
        if self._at_rest():
            urn, taken = self.actor_urn, self._taken
            self._supervisor.tell(AtRest(user_id=self._user_id, urn=urn, taken=taken))

    def _at_rest(self) -> bool:
        """Whether the registry knows all that this actor does, and nobody waits for it."""
        parts = (self._ownership, self._replacement, self._falling)
        return (
            self._closed is None
            and self._keeper.known
            and self._keeper.status is Status.HIBERNATED
            and self._life.process is None
            and not self._waiters
            and all(part.idle for part in parts)
        )

    def _receive(self, message: object) -> None:
        match message:
            case Asked(request=request, reply=reply, request_id=request_id):
                with trace.serving(request_id):
                    self._take(request, reply)
            case Ordered(order=order, reply=reply):
                self._take(order, reply)
            case LastLookTaken():
                self._falling.learn(message)
            case AnswersAgain():
                self._waking.learn(message)
            case RunFact():
                self._life.learn(message)
            case ReplacementProven(problem=problem):
                self._replacement.proven(problem)
            case Recover(done=done):
                try:
                    self._recover()
                finally:
                    done()
            case ShutDown(done=done, keep=keep):
                self._shut_down(done, keep=keep)
            case PurgeAgreed(error=error):
                self._ownership.agreed(error)
            case PurgeDue():
                if self._keeper.known and self._keeper.record.deleted_at is not None:
                    self._ownership.purge_if_ours()
            case HurryUp():
                if self._life.process is not None:
                    self._life.process.kill()
            case _:
                log.error("%s: not understood: %r", self._user_id, message)

    def _take(self, request: object, reply: Reply) -> None:
        self._taken += 1
        try:
            self._serve(request, reply)
        except PblmError as error:
            self._waiters.refuse([reply], error)
        except Exception:
            self._waiters.keep(reply)  # on_failure answers it
            raise

    def _serve(self, request: object, reply: Reply) -> None:
        if self._closed is not None:
            raise Unavailable("The manager is stopping", retry_after=5)
        self._replacement.check_free()
        self._hold.check(request)
        if self._serve_owner(request, reply):
            return
        self._ownership.check_free()
        match request:
            case ReplaceData() | PutDataBack() | KeepData():
                self._check_known()
                self._replacement.serve(request, reply)
            case WakeInstance():
                self._check_known()
                self._falling.interrupt("it was woken")
                self._waking.wake(reply)
            case SleepInstance(reason=reason):
                self._check_known()
                self._falling.begin(reason, reply)
            case InitInstance():
                self._init_instance(request, reply)
            case StopInstance():
                self._stop_instance("stop_pb was called", reply)
            case StandStill(reason=reason):
                self._stop_instance(reason, reply)
            case UpgradeInstance(binary=digest):
                self._upgrade(digest, reply)
            case MintToken():
                reply(self._mint(request))
            case RevokeTokens():
                reply(RevokedAnswer(records=self._revoke()))
            case PutMetadata(metadata=metadata):
                self._check_known()
                self._services.store.put_metadata(self._user_id, metadata)
                reply(MetadataAnswer(metadata=metadata))
            case _:
                raise InternalError(f"No instance knows {type(request).__name__}")

    def _serve_owner(self, request: object, reply: Reply) -> bool:
        """Whether it was about who owns the user."""
        match request:
            case DeleteInstance() | UndeleteInstance() | RenameInstance() | LetUserGo():
                self._check_known()
                self._ownership.serve(request, reply)
            case TakeUser() | Disown():
                self._change_hands(request, reply)
            case _:
                return False
        return True

    def _change_hands(self, order: TakeUser | Disown, reply: Reply) -> None:
        """What it has is of another epoch from now on, or nobody's here."""
        self._check_known()
        if isinstance(order, Disown) and self._keeper.status is not Status.STOPPED:
            raise Conflict(f"It is {self._keeper.status}: nobody can have it elsewhere")
        take_over(order, self._keeper, self._services)
        self._waiters.answer([reply])

    def _init_instance(self, request: InitInstance, reply: Reply) -> None:
        self._falling.interrupt("init_pb was called")
        match self._keeper.status:
            case Status.RUNNING if not request.force_restart:
                self._waiters.answer([reply])
                return
            case Status.RUNNING:
                self._keeper.want(Desired.RUNNING)
                self._life.begin_stop("A restart was asked for")
            case Status.STARTING | Status.STOPPING:
                self._keeper.want(Desired.RUNNING)
            case Status.FAILED if self._life.process is not None:
                raise Conflict(f"The former process (pid {self._life.process.pid}) cannot be ended")
            case _:
                self._life.start("init_pb was called", forced=False)
        if request.wait:
            self._waiters.running.append(reply)
        else:
            self._waiters.answer([reply])

    def _upgrade(self, digest: str, reply: Reply) -> None:
        """Have a running instance served by another PocketBase; nobody is woken for it."""
        self._check_known()
        binary = self._services.versions.shelf.find(digest)
        if binary is None:
            raise NotFound(f"No PocketBase is kept whose SHA-256 begins with {digest}")
        if self._keeper.status is not Status.RUNNING or self._keeper.record.binary == digest:
            self._waiters.answer([reply])
            return
        self._life.begin_stop(f"It is upgraded to {binary}")
        self._life.successor = binary
        self._waiters.running.append(reply)

    def _stop_instance(self, reason: str, reply: Reply) -> None:
        self._check_known()
        changed = self._keeper.record.desired is not Desired.STOPPED
        self._keeper.want(Desired.STOPPED)
        self._waiters.stopped.append(reply)
        match self._keeper.status:
            case Status.STOPPED:
                if changed and self._services.tenancy is not None:
                    self._services.tenancy.mirror(self._user_id)  # no change of status tells it
                self._waiters.answer(self._waiters.stopped)
            case Status.STOPPING:
                pass  # answered with the others when the process is gone
            case _ if self._life.process is not None:
                self._life.begin_stop(reason)
            case _:
                self._life.settle_stopped(reason)
        self._waiters.refuse(
            self._waiters.running, Conflict("The instance was stopped before it was ready")
        )

    def _mint(self, request: MintToken) -> TokenAnswer:
        return tokens.mint(
            self._initialised_data(),
            collection=request.collection,
            record_id=request.record_id,
            now=self._services.clock.now(),
            seconds=request.seconds,
        )

    def _revoke(self) -> int:
        try:
            return userdata.change_token_keys(self._initialised_data())
        except UserDataError as error:
            raise InstanceIOError(f"IO error: the database cannot be written: {error}") from error

    def _initialised_data(self) -> Path:
        self._check_known()
        if self._keeper.record.identity is None:
            raise Conflict("The instance has never run: call init_pb first")
        return self._services.layout.data(self._user_id)

    def _check_known(self) -> None:
        if not self._keeper.known:
            raise NotFound(f"No PocketBase instance for user {self._user_id}")

    def _recover(self) -> None:
        """Go on where a former manager, or a former actor of this user, has left it."""
        self._services.queue.leave(self._user_id)
        process = self._find_process(self._keeper.record)
        if process is not None:
            self._life.adopt(process)
        else:
            self._recover_without_process(self._keeper.record)
        self._replacement.recover()

    def _recover_without_process(self, record: Record) -> None:
        if record.desired is Desired.STOPPED or record.status is Status.STOPPING:
            self._recover_stopped(record)
        elif record.status is Status.HIBERNATED:
            self._keeper.note(**GONE)
        elif record.status is Status.FAILED and _needs_a_person(record):
            log.info("%s: stays Failed: %s", self._user_id, record.reason)
        else:
            if record.status in (Status.STARTING, Status.RUNNING):
                reason = "Its process ended while no manager watched it"
                self._keeper.enter(Status.FAILED, reason, **GONE)
            binary = self._services.versions.at_launch(self._keeper.record)
            self._life.start("It is to run", forced=True, binary=binary, **GONE)

    def _find_process(self, record: Record) -> ManagedProcess | None:
        """The process on record, if it lives and is that very process in every point."""
        layout = self._services.layout
        if record.process is None:
            return None
        process = self._services.processes.adopt(record.process, layout.log(self._user_id))
        if process is None:
            return None
        served = {proc.served_directory(each) for each in proc.family(process.pid)}
        same_data = str(layout.data(self._user_id)) in served
        if same_data and record.exe in (None, proc.executable(process.pid)):
            return process
        log.error("%s: pid %d is not its PocketBase: left alone", self._user_id, process.pid)
        return None

    def _recover_stopped(self, record: Record) -> None:
        if record.status is Status.RUNNING:
            self._keeper.enter(Status.STOPPING, "stop_pb was called")
        if self._keeper.status is not Status.STOPPED:
            self._life.settle_stopped("It ended while no manager watched it")

    def _shut_down(self, done: Callable[[], None], *, keep: bool) -> None:
        self._closed = done
        self._life.ending = True
        stopping = Unavailable("The manager is stopping", retry_after=5)
        self._replacement.abandon(stopping)
        self._ownership.abandon(stopping)
        self._waiters.refuse_all(stopping)
        match self._keeper.status:
            case _ if keep:
                self._close()
            case Status.STOPPING:
                pass
            case _ if self._life.process is not None:
                self._life.begin_stop("The manager was stopped")
            case Status.STARTING:
                self._life.settle_stopped("The manager was stopped")
            case _:
                self._close()

    def _settled(self) -> None:
        self._ownership.settled()
        self._replacement.settled()
        if self._closed is not None:
            self._close()

    def _close(self) -> None:
        assert self._closed is not None
        self._life.let_go()
        self._closed()
        self.stop()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell those who wait, and the supervisor, that this actor died of a bug."""
        self._life.let_go()
        self._ownership.give_up()
        bug = InternalError(f"The request failed by a bug: {exception_value!r}")
        self._replacement.abandon(bug)
        self._waiters.refuse_all(bug)
        unread = []
        while not self.actor_inbox.empty():
            unread.append(self.actor_inbox.get().message)
        self._supervisor.tell(ActorFailed(user_id=self._user_id, unread=tuple(unread)))

    def _tell_me(self, fact: RunFact | ReplacementProven | PurgeAgreed) -> None:
        try:
            self.actor_ref.tell(fact)
        except pykka.ActorDeadError:
            log.debug("%s: too late: %r", self._user_id, fact)


def _needs_a_person(record: Record) -> bool:
    return record.failure is not None and REMEDY[record.failure.cause] is Remedy.PERSON
