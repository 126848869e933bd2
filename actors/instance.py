"""InstanceActor: one user's PocketBase, and the only writer of its status.

It never waits. A start goes through these steps, each begun when the fact before it is told::

    Starting --SlotGranted--> port asked for --PortReserved--> process spawned
             --InstanceReady--> Running
"""

from __future__ import annotations

import logging
import random
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any

import pykka

from actors import recipe
from actors.facts import (
    ActorFailed,
    Asked,
    HealthCheckDue,
    HealthChecked,
    HealthProven,
    HurryUp,
    InstanceReady,
    PortReserved,
    ProcessExited,
    ReleasePort,
    Reply,
    ReservePort,
    RetryDue,
    RunFact,
    ShutDown,
    SlotGranted,
    StartTimedOut,
    StopTimedOut,
)
from actors.layout import make_private_directory
from actors.status import StatusKeeper
from actors.timers import Timers
from bus.answers import ErrorAnswer, InstanceAnswer
from bus.errors import (
    Conflict,
    InstanceIOError,
    InternalError,
    NoPorts,
    NotFound,
    PblmError,
    ProcessError,
    StartError,
    StartTimeout,
    Unavailable,
)
from bus.requests import InitInstance, StopInstance
from bus.states import Desired, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    from actors.services import Process, Services

STRIKES = 3
"""So many health checks in a row must fail before a process that lives is given up."""
STRIKE_INTERVAL = 5.0
"""Seconds to the next check after a failed one: three strikes take more than ten seconds, longer
than the stall that PocketBase's own jobs cause on a full machine at every full hour."""
PORT_TRIES = 3
"""So many ports are tried when others take them between our look and PocketBase's bind."""
GONE: dict[str, Any] = {"pid": None, "start_ticks": None, "started_at": None}
"""What a record says of a process when there is none."""

log = logging.getLogger(__name__)


class InstanceActor(pykka.ThreadingActor):
    """Owns the user's process, its timers and its row in the registry."""

    def __init__(self, user_id: str, services: Services, supervisor: pykka.ActorRef[Any]) -> None:
        super().__init__()
        self._user_id = user_id
        self._services = services
        self._supervisor = supervisor
        self._keeper = StatusKeeper(user_id, services)
        self._run = self._keeper.record.run if self._keeper.known else 0
        self._timers = Timers(services.clock, self._tell_me)
        self._process: Process | None = None
        self._verdict: StartError | None = None
        self._taken_ports: frozenset[int] = frozenset()
        self._failures = 0
        self._strikes = 0
        self._kills = 0
        self._until_running: list[Reply] = []
        self._until_stopped: list[Reply] = []
        self._closed: Callable[[], None] | None = None

    # -- what it is told ---------------------------------------------------------------------

    def on_receive(self, message: object) -> None:
        """Take a request about this user, or a fact about its process."""
        match message:
            case Asked(request=request, reply=reply):
                try:
                    self._serve(request, reply)
                except PblmError as error:
                    self._refuse([reply], error)
            case RunFact(run=run):
                if run == self._run:  # else it is about a process of long ago
                    self._learn(message)
            case ShutDown(done=done):
                self._shut_down(done)
            case HurryUp():
                if self._process is not None:
                    self._process.kill()
            case _:
                log.error("%s: not understood: %r", self._user_id, message)

    def _serve(self, request: object, reply: Reply) -> None:
        if self._closed is not None:
            raise Unavailable("The manager is stopping", retry_after=5)
        match request:
            case InitInstance():
                self._init_instance(request, reply)
            case StopInstance():
                self._stop_instance(reply)
            case _:
                raise InternalError(f"No instance knows {type(request).__name__}")

    def _learn(self, fact: RunFact) -> None:
        match fact:
            case SlotGranted():
                self._timers.start(
                    self._services.settings.start_timeout, StartTimedOut(run=self._run)
                )
                self._reserve_port()
            case PortReserved(port=port):
                self._launch(port)
            case InstanceReady():
                self._ready()
            case StartTimedOut():
                self._start_timed_out()
            case ProcessExited(how=how):
                self._exited(how)
            case StopTimedOut():
                self._stop_timed_out()
            case HealthCheckDue():
                self._check_health()
            case HealthChecked(problem=problem):
                self._checked(problem)
            case HealthProven():
                self._failures = 0
            case RetryDue():
                self._restart()

    # -- requests ----------------------------------------------------------------------------

    def _init_instance(self, request: InitInstance, reply: Reply) -> None:
        match self._keeper.status:
            case Status.RUNNING if not request.force_restart:
                self._answer([reply])
                return
            case Status.RUNNING:
                self._keeper.want(Desired.RUNNING)
                self._begin_stop("A restart was asked for")
            case Status.STARTING | Status.STOPPING:
                self._keeper.want(Desired.RUNNING)
            case Status.FAILED if self._process is not None:
                raise Conflict(
                    f"The former process (pid {self._process.pid}) cannot be ended",
                    instance=self._keeper.instance,
                )
            case _:
                self._start("init_pb was called", forced=False)
        if request.wait:
            self._until_running.append(reply)
        else:
            self._answer([reply])

    def _stop_instance(self, reply: Reply) -> None:
        if not self._keeper.known:
            raise NotFound(f"No PocketBase instance for user {self._user_id}")
        self._keeper.want(Desired.STOPPED)
        waiting, self._until_running = self._until_running, []
        self._until_stopped.append(reply)
        reason = "stop_pb was called"
        match self._keeper.status:
            case Status.STOPPED:
                self._answer_stopped()
            case Status.STOPPING:
                pass  # answered with the others when the process is gone
            case _ if self._process is not None:
                self._begin_stop(reason)
            case _:
                self._settle_stopped(reason)
        self._refuse(waiting, Conflict("The instance was stopped before it was ready"))

    # -- start -------------------------------------------------------------------------------

    def _start(self, reason: str, *, forced: bool, **changes: Any) -> None:
        run = self._run + 1
        granted = SlotGranted(run=run)
        self._services.queue.join(self._user_id, lambda: self._tell_me(granted), forced=forced)
        self._run = run
        self._timers.cancel_all()
        self._verdict = None
        self._taken_ports = frozenset()
        self._strikes = self._kills = 0
        changes |= {"run": run, "desired": Desired.RUNNING}
        if forced:
            self._keeper.enter(Status.STARTING, reason, **changes)
            return
        try:
            self._keeper.enter_strictly(Status.STARTING, reason, **changes)
        except InstanceIOError:
            self._services.queue.leave(self._user_id)
            raise

    def _restart(self) -> None:
        self._start("It is started again", forced=True, restarts=self._keeper.record.restarts + 1)

    def _reserve_port(self) -> None:
        run = self._run
        last = self._keeper.record.port
        self._services.ports.tell(
            ReservePort(
                user_id=self._user_id,
                last=last,
                avoid=self._taken_ports,
                reply=lambda port: self._tell_me(PortReserved(run=run, port=port)),
            )
        )

    def _launch(self, port: int | None) -> None:
        if port is None:
            settings = self._services.settings
            last = settings.base_port + settings.port_range - 1
            self._fail(
                NoPorts(
                    "No available ports for PocketBase instance: "
                    f"all of {settings.base_port} to {last} are taken"
                )
            )
            return
        try:
            self._process = self._spawn(port)
        except StartError as error:
            self._fail(error)
            return
        run, process = self._run, self._process
        self._keeper.note(
            port=port,
            pid=process.pid,
            start_ticks=process.identity.start_ticks,
            boot_id=process.identity.boot_id,
            started_at=self._services.clock.now(),
        )
        ready = InstanceReady(run=run)
        self._services.health.await_ready(process, port, lambda: self._tell_me(ready))

    def _spawn(self, port: int) -> Process:
        layout, run = self._services.layout, self._run
        make_private_directory(layout.data(self._user_id))
        spec = recipe.serve(self._services.settings.binary_path, layout, self._user_id, port)
        return self._services.spawn(
            spec, lambda how: self._tell_me(ProcessExited(run=run, how=how))
        )

    def _ready(self) -> None:
        if self._keeper.status is not Status.STARTING or self._verdict is not None:
            return
        self._services.queue.leave(self._user_id)
        self._timers.cancel_all()
        now = self._services.clock.now()
        self._keeper.enter(Status.RUNNING, "It answers its health check", last_health_check=now)
        self._timers.start(self._services.policy.proven, HealthProven(run=self._run))
        self._schedule_check(self._services.settings.health_interval)
        waiting, self._until_running = self._until_running, []
        self._answer(waiting)

    def _start_timed_out(self) -> None:
        timeout = self._services.settings.start_timeout
        self._condemn(StartTimeout(f"PocketBase did not become healthy within {timeout:g} s"))

    # -- end ---------------------------------------------------------------------------------

    def _condemn(self, verdict: StartError) -> None:
        """End the process and, when it is gone, fail for this reason."""
        self._verdict = verdict
        if self._process is None:
            self._fail(verdict)
        else:
            self._kill()

    def _begin_stop(self, reason: str) -> None:
        assert self._process is not None
        self._services.queue.leave(self._user_id)
        self._timers.cancel_all()
        self._keeper.enter(Status.STOPPING, reason)
        self._process.terminate()
        self._timers.start(self._services.settings.stop_timeout, StopTimedOut(run=self._run))

    def _kill(self) -> None:
        assert self._process is not None
        self._kills += 1
        self._process.kill()
        self._timers.start(self._services.settings.stop_timeout, StopTimedOut(run=self._run))

    def _stop_timed_out(self) -> None:
        if self._process is None:
            return
        if self._kills == 0:
            log.warning("%s: pid %d ignores SIGTERM: killed", self._user_id, self._process.pid)
            self._kill()
            return
        error = ProcessError(f"Process error: pid {self._process.pid} does not end when killed")
        self._services.queue.leave(self._user_id)
        self._keeper.enter(Status.FAILED, error.message)
        self._refuse_all(error)

    def _exited(self, how: str) -> None:
        process, self._process = self._process, None
        assert process is not None
        match self._keeper.status:
            case Status.STOPPING:
                self._settle_stopped(f"It was stopped: PocketBase {how}")
            case Status.STARTING if self._verdict is None:
                self._exited_early(how, process.last_output())
            case Status.FAILED:  # it could not be killed, and ended at last
                self._settle_stopped(f"PocketBase {how}")
            case _:
                self._fail(self._verdict or ProcessError(f"Process error: PocketBase {how}"))

    def _exited_early(self, how: str, output: str) -> None:
        if "address already in use" in output and len(self._taken_ports) + 1 < PORT_TRIES:
            log.warning("%s: port %s was taken by another", self._user_id, self._keeper.record.port)
            if self._keeper.record.port is not None:
                self._taken_ports |= {self._keeper.record.port}
            self._keeper.note(**GONE)
            self._reserve_port()
            return
        self._fail(
            ProcessError(
                f"Process error: PocketBase {how} before it was ready: "
                f"{output or 'it wrote nothing'}"
            )
        )

    def _settle_stopped(self, reason: str) -> None:
        self._services.queue.leave(self._user_id)
        self._timers.cancel_all()
        self._run += 1  # facts still on their way are about nothing any more
        now = self._services.clock.now()
        self._services.ports.tell(ReleasePort(user_id=self._user_id))
        self._keeper.enter(Status.STOPPED, reason, stopped_at=now, run=self._run, **GONE)
        self._answer_stopped()
        if self._closed is not None:
            self._close()
        elif self._keeper.record.desired is Desired.RUNNING:
            self._start("It is started again", forced=True)

    def _fail(self, error: StartError) -> None:
        was_running = self._keeper.status is Status.RUNNING
        self._services.queue.leave(self._user_id)
        self._timers.cancel_all()
        self._failures += 1
        delay = self._services.policy.delay(self._failures, was_running=was_running)
        self._keeper.enter(Status.FAILED, f"{error.message}; {self._outlook(delay)}", **GONE)
        self._refuse_all(error)
        if self._closed is not None:
            self._close()
        elif delay == 0:
            self._restart()
        else:
            self._timers.start(delay, RetryDue(run=self._run))

    def _outlook(self, delay: float) -> str:
        if delay == 0:
            return "restarting now"
        at = self._services.clock.now() + timedelta(seconds=delay)
        when = f"next try at {at:%Y-%m-%dT%H:%M:%SZ}"
        if self._services.policy.is_crash_loop(self._failures):
            return f"crash loop: {self._failures} failures in a row, {when}"
        return when

    # -- health ------------------------------------------------------------------------------

    def _schedule_check(self, seconds: float) -> None:
        self._timers.start(seconds * random.uniform(0.9, 1.1), HealthCheckDue(run=self._run))

    def _check_health(self) -> None:
        port = self._keeper.record.port
        assert port is not None
        run = self._run
        self._services.health.check(
            port,
            lambda problem: self._tell_me(HealthChecked(run=run, problem=problem)),
        )

    def _checked(self, problem: str | None) -> None:
        if self._keeper.status is not Status.RUNNING or self._verdict is not None:
            return
        interval = self._services.settings.health_interval
        if problem is None:
            self._strikes = 0
            self._keeper.note_in_memory(last_health_check=self._services.clock.now())
            self._schedule_check(interval)
            return
        self._strikes += 1
        log.warning("%s: health check %d failed: %s", self._user_id, self._strikes, problem)
        if self._strikes < STRIKES:
            self._schedule_check(min(interval, STRIKE_INTERVAL))
        else:
            self._condemn(
                ProcessError(
                    f"Process error: PocketBase failed {STRIKES} health checks in a row: {problem}"
                )
            )

    # -- the end of the manager --------------------------------------------------------------

    def _shut_down(self, done: Callable[[], None]) -> None:
        self._closed = done
        self._refuse_all(Unavailable("The manager is stopping", retry_after=5))
        reason = "The manager was stopped"
        match self._keeper.status:
            case Status.STOPPING:
                pass
            case _ if self._process is not None:
                self._begin_stop(reason)
            case Status.STARTING:
                self._settle_stopped(reason)
            case _:
                self._close()

    def _close(self) -> None:
        assert self._closed is not None
        self._timers.cancel_all()
        self._closed()
        self.stop()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Tell those who wait, and the supervisor, that this actor died of a bug."""
        self._timers.cancel_all()
        self._refuse_all(InternalError(f"The request failed by a bug: {exception_value!r}"))
        unread = []
        while not self.actor_inbox.empty():
            unread.append(self.actor_inbox.get().message)
        self._supervisor.tell(ActorFailed(user_id=self._user_id, unread=tuple(unread)))

    # -- small helps -------------------------------------------------------------------------

    def _answer(self, replies: list[Reply]) -> None:
        for reply in replies:
            reply(InstanceAnswer(instance=self._keeper.instance))

    def _answer_stopped(self) -> None:
        waiting, self._until_stopped = self._until_stopped, []
        self._answer(waiting)

    def _refuse(self, replies: list[Reply], error: PblmError) -> None:
        error.instance = error.instance or self._keeper.instance
        for reply in replies:
            reply(ErrorAnswer.of(error))

    def _refuse_all(self, error: PblmError) -> None:
        waiting = self._until_running + self._until_stopped
        self._until_running, self._until_stopped = [], []
        self._refuse(waiting, error)

    def _tell_me(self, fact: RunFact) -> None:
        try:
            self.actor_ref.tell(fact)
        except pykka.ActorDeadError:
            log.debug("%s: too late: %r", self._user_id, fact)
