"""Lifecycle: from the start of an instance's process to its end, and what follows from it.

A start is the business of a :class:`actors.attempt.StartAttempt`, the health of the process that
of a :class:`actors.watch.HealthWatch`; what becomes of the instance is decided here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from actors import proc
from actors.attempt import StartAttempt
from actors.complaint import death
from actors.data import applied
from actors.diagnosis import child_status, diagnose, io_failure
from actors.ending import Ending
from actors.facts import (
    ClaimPort,
    HealthCheckDue,
    HealthChecked,
    HealthProven,
    InstanceReady,
    ParkPort,
    Problem,
    ProcessExited,
    ReleasePort,
    RetryDue,
    RunFact,
    SignalDue,
    SlotGranted,
    StartTimedOut,
    StopTimedOut,
)
from actors.proc import ExitStatus
from actors.process import ManagedProcess
from actors.retries import Retries
from actors.services import Services
from actors.status import StatusKeeper
from actors.timers import Timers
from actors.versions.shelf import Binary
from actors.versions.trial import serving
from actors.waiters import Waiters
from actors.watch import HealthWatch
from bus.causes import Cause
from bus.errors import Conflict, InstanceIOError, StartError
from bus.states import RESTING, Desired, Status

GONE: dict[str, Any] = {"pid": None, "start_ticks": None, "exe": None, "started_at": None}
"""What a record says of a process when there is none."""
REFUSED = frozenset({Cause.NOT_OWNER, Cause.REPLICA_BEHIND})
"""Of a start that this host may not make: the next try is the same restart still."""
WAITS = "; it waits for its turn: PB_MAX_STARTING others are starting"
"""What is added to the reason of a start that is queued."""

log = logging.getLogger(__name__)


class Lifecycle:
    """The life of one user's process, moved on by what its actor is told.

    It never waits: each step is begun when the fact before it is told.
    """

    def __init__(
        self,
        user_id: str,
        services: Services,
        tell: Callable[[RunFact], None],
        settled: Callable[[], None],
    ) -> None:
        """``tell`` brings a fact to the actor; ``settled`` is called at each end without a sequel.

        That is when the instance is Stopped or Failed and there is no process.
        """
        self.keeper = StatusKeeper(user_id, services)
        self.waiters = Waiters(lambda: self.keeper.instance)
        self.process: ManagedProcess | None = None
        self.ending = self.held = False
        """Nothing is started again: the manager ends; for now: its data are being replaced."""
        self.successor: Binary | None = None
        """What is started once the process that is being stopped has ended."""
        self._user_id = user_id
        self._services = services
        self._tell = tell
        self._settled = settled
        self._timers = Timers(services.clock, tell)
        self._run = self.keeper.record.run if self.keeper.known else 0
        self._attempt: StartAttempt | None = None
        self._watch: HealthWatch | None = None
        self._verdict: StartError | None = None
        self._ending = Ending(lambda: self.keeper.record, services, self._timers)
        self._oom_kills = 0
        self._held_port: int | None = None
        """The port that is kept for this user: nobody need be asked for it."""
        self.retries = Retries(user_id, services)

    def learn(self, fact: RunFact) -> None:
        """Take a fact about the process; one about a process of long ago is ignored."""
        if fact.run != self._run:
            return
        try:
            self._learn(fact)
        except StartError as error:
            self._condemn(error)
        except OSError as error:  # no files left, no space left: no bug, and it may pass
            self._condemn(InstanceIOError(f"IO error: {error}", cause=io_failure(error)))

    def start(
        self, reason: str, *, forced: bool, binary: Binary | None = None, **changes: Any
    ) -> None:
        """Go to Starting. Not ``forced``: refused when the queue is full or the disk is."""
        granted = SlotGranted(run=self._run + 1)
        queue = self._services.queue
        if not queue.join(self._user_id, lambda: self._tell(granted), forced=forced):
            reason += WAITS
        if self._services.isolation.by_uid and not (self.keeper.known and self.keeper.record.uid):
            changes["uid"] = self._services.isolation.new_uid()
        enter = self.keeper.enter if forced else self.keeper.enter_strictly
        try:
            enter(Status.STARTING, reason, run=granted.run, desired=Desired.RUNNING, **changes)
        except InstanceIOError:
            queue.leave(self._user_id)
            raise
        self._begin_run(granted.run, binary or self._services.versions.current)

    def begin_stop(self, reason: str, *, to_sleep: bool = False) -> None:
        """Ask the process to end; Stopped, or Hibernated if nobody calls, follows when it has."""
        assert self.process is not None
        self._look_away()
        if self.keeper.status is not Status.STOPPING:
            self.keeper.enter(Status.STOPPING, reason)
        self._ending.begin(self.process, to_sleep=to_sleep)

    def settle_stopped(self, reason: str) -> None:
        """There is no process: be Stopped, unless a new start is wanted already."""
        self._services.ports.tell(ReleasePort(user_id=self._user_id))
        self._settle(Status.STOPPED, reason)
        self.waiters.answer(self.waiters.stopped)
        self.waiters.refuse(self.waiters.asleep, Conflict(f"It is not asleep: {reason}"))
        if self.keeper.record.desired is Desired.RUNNING and not (self.ending or self.held):
            binary, self.successor = self.successor, None
            self.start("It is started again", forced=True, binary=binary)
        else:
            self._settled()

    def adopt(self, process: ManagedProcess) -> None:
        """Go on with the process that is on record."""
        record = self.keeper.record
        log.info("%s: adopted pid %d (%s)", self._user_id, process.pid, record.status)
        self._begin_run(record.run, serving(self._services.versions, self._services.layout, record))
        self._own(process)
        self._services.confinement.adopt(self._user_id, process.pid)
        port = record.port
        assert port is not None
        self._services.ports.tell(ClaimPort(user_id=self._user_id, port=port))
        self._held_port = port
        if record.status in RESTING:  # of a registry that was restored from a copy
            self.keeper.enter(Status.STARTING, "Its process was found alive")
        status = self.keeper.status
        if status is Status.STOPPING or record.desired is Desired.STOPPED:
            self.begin_stop("stop_pb was called")
        elif status is Status.RUNNING:
            self._watch_over()
            self._tell(HealthCheckDue(run=self._run))
        elif status is Status.STARTING and self._attempt is not None:
            self._timers.start(self._services.settings.start_timeout, StartTimedOut(run=self._run))
            self._attempt.watch(process, port)
        else:
            self._ending.kill(process)

    def let_go(self) -> None:
        """Be told nothing any more; a process goes on without us."""
        self._timers.cancel_all()
        self._services.queue.leave(self._user_id)

    def _learn(self, fact: RunFact) -> None:
        match fact:
            case InstanceReady(identity=identity):
                self._ready(identity)
            case StartTimedOut() if self._attempt is not None:
                raise self._attempt.timed_out(self.process)
            case ProcessExited(status=status):
                self._exited(status)
            case SignalDue() | StopTimedOut():
                if self.process is not None:
                    self._go_on_ending(self.process, fact)
            case HealthCheckDue() if self._watch is not None:
                self._watch.check()
            case HealthChecked(problem=problem) if self._watch is not None:
                self._checked(self._watch, problem)
            case HealthProven():
                self.retries.forget()
            case RetryDue():
                self._restart()
            case _ if self._attempt is not None:
                self._step(self._attempt, fact)

    def _begin_run(self, run: int, binary: Binary) -> None:
        self._run = run
        self._timers.cancel_all()
        self.retries.cancel()
        self._watch = None
        self._verdict = None
        self._ending.forget()
        self._attempt = StartAttempt(
            lambda: self.keeper.record,
            self._services,
            self._timers,
            self._tell,
            run=run,
            binary=binary,
            held=self._held_port,
        )

    def _restart(self) -> None:
        record = self.keeper.record
        refused = record.failure is not None and record.failure.cause in REFUSED
        restarts = record.restarts if refused else record.restarts + 1
        binary = self._services.versions.again(record)
        self.start("It is started again", forced=True, binary=binary, restarts=restarts)

    def _step(self, attempt: StartAttempt, fact: RunFact) -> None:
        waited = self.keeper.record.reason.endswith(WAITS)
        if isinstance(fact, SlotGranted) and waited:
            self.keeper.note(reason=self.keeper.record.reason.removesuffix(WAITS))
        process = attempt.learn(fact)
        if isinstance(fact, SlotGranted):
            self._timers.start(attempt.upgrade.patience, StartTimedOut(run=self._run))
        if process is not None:
            self._own(process)
            self._held_port = attempt.port
            identity = process.identity
            self.keeper.note(
                port=attempt.port,
                pid=identity.pid,
                start_ticks=identity.start_ticks,
                boot_id=identity.boot_id,
                started_at=self._services.clock.now(),
            )

    def _own(self, process: ManagedProcess) -> None:
        # Read after the spawn, since it takes half a millisecond: PocketBase has done nothing yet.
        self._oom_kills = self._services.confinement.oom_kills(self._user_id)
        self.process, run = process, self._run
        process.watch(lambda status: self._tell(ProcessExited(run=run, status=status)))

    def _ready(self, identity: str | None) -> None:
        if self.keeper.status is not Status.STARTING or self._verdict is not None:
            return
        assert self.process is not None
        assert self._attempt is not None
        upgrade = self._attempt.upgrade
        upgrade.succeed()
        self.keeper.enter(
            Status.RUNNING,
            f"It answers its health check{upgrade.setback}",
            last_health_check=self._services.clock.now(),
            identity=identity or self.keeper.record.identity,
            exe=proc.executable(self.process.pid),
            failure=None,
            **upgrade.served_by(),
        )
        self.waiters.answer(self.waiters.running)
        upgrade.learn_types()
        self._watch_over()

    def _watch_over(self) -> None:
        """The process runs: leave the queue of starts, and look after it from now on."""
        self._services.queue.leave(self._user_id)
        self._timers.cancel_all()
        self._attempt = None
        port, process = self.keeper.record.port, self.process
        assert port is not None
        assert process is not None
        self._watch = HealthWatch(
            self._user_id,
            self._services,
            self._timers,
            self._tell,
            run=self._run,
            port=port,
            pid=process.pid,
        )
        self._timers.start(self._services.policy.proven, HealthProven(run=self._run))
        self._services.routes.open(self._user_id, port)
        applied.show(self._services.layout, self._services.template, self._user_id)

    def _look_away(self) -> None:
        """Nothing is awaited or watched any more, and it needs no turn."""
        self._services.queue.leave(self._user_id)
        self._timers.cancel_all()
        self._attempt = self._watch = None
        self.retries.cancel()
        self._services.routes.close(self._user_id)

    def _settle(self, status: Status, reason: str) -> None:
        self._look_away()
        self._held_port = None
        self._run += 1  # facts still on their way are about nothing any more
        now = self._services.clock.now()
        self.keeper.enter(status, reason, run=self._run, stopped_at=now, failure=None, **GONE)
        self.retries.forget()

    def _settle_asleep(self, port: int) -> None:
        self._services.ports.tell(ParkPort(user_id=self._user_id, port=port))
        self._settle(Status.HIBERNATED, self.keeper.record.reason)
        self.waiters.answer(self.waiters.asleep)
        self._settled()

    def _checked(self, watch: HealthWatch, problem: Problem | None) -> None:
        if self._verdict is not None:
            return
        if problem is not None:
            watch.failed(problem)
            return
        watch.passed()
        self.keeper.note_in_memory(last_health_check=self._services.clock.now())

    def _condemn(self, verdict: StartError) -> None:
        """End the process, if there is one, and fail for this reason when it is gone."""
        self._verdict = verdict
        if self.process is None:
            self._fail(verdict)
        else:
            self._ending.kill(self.process)

    def _go_on_ending(self, process: ManagedProcess, fact: SignalDue | StopTimedOut) -> None:
        if isinstance(fact, SignalDue):
            self._ending.signal(process, fact.looks)
            return
        error = self._ending.timed_out(process)
        if error is None:
            return
        self._services.queue.leave(self._user_id)
        if self.keeper.status is not Status.FAILED:
            self.keeper.enter(Status.FAILED, error.message, failure=error.failure)
        self.waiters.refuse_all(error)

    def _exited(self, status: ExitStatus) -> None:
        process, self.process = self.process, None
        assert process is not None
        status = child_status(status, process.last_output())
        confinement = self._services.confinement
        oom_killed = confinement.oom_killed(self._user_id, status, self._oom_kills)
        confinement.left(self._user_id)
        record, called = self.keeper.record, bool(self.waiters.running)
        sleeps = self._ending.to_sleep and record.desired is Desired.RUNNING and not called
        match record.status:
            case Status.STOPPING if sleeps and record.port is not None:
                self._settle_asleep(record.port)
            case Status.STOPPING:
                self.settle_stopped(f"It was stopped: PocketBase {status}")
            case Status.FAILED:  # it could not be killed, and ended at last
                self.settle_stopped(f"PocketBase {status}")
            case _ if self._verdict is not None:
                self._fail(self._verdict)
            case _:
                self._exited_by_itself(status, process.last_output(), oom_killed=oom_killed)

    def _exited_by_itself(self, status: ExitStatus, output: str, *, oom_killed: bool) -> None:
        starting = self._attempt is not None
        cause = diagnose(status, output, starting=starting, oom_killed=oom_killed)
        if self._attempt is not None and self._attempt.goes_on_after(cause):
            self.keeper.note(**GONE)
            return
        self._fail(death(status, output, cause, starting=starting))

    def _fail(self, error: StartError) -> None:
        if self._attempt is not None and self._attempt.upgrade.on_trial and not self.ending:
            self._verdict = None
            self._ending.forget()
            refused = self._attempt.upgrade.binary.digest
            self.keeper.note(refused=refused, reason=error.message, **GONE)
            try:
                self._attempt.fall_back(error)
                return
            except StartError as worse:
                error = worse
        was_running = self.keeper.status is Status.RUNNING
        if self._attempt is not None:
            self._held_port = self._attempt.port
        self._look_away()
        delay = self.retries.failed(error, was_running=was_running)
        reason = f"{error.message}; {self.retries.outlook(delay)}"
        self.keeper.enter(Status.FAILED, reason, failure=error.failure, **GONE)
        if delay == 0 and not self.ending:
            self._restart()  # whoever waits was let in while it ran: the restart is for them
            return
        self.waiters.refuse_all(error)
        if self.ending or delay is None:
            self._settled()
        else:
            self._timers.start(delay, RetryDue(run=self._run))
