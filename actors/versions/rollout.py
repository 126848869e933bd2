"""RolloutActor: brings all running instances to another PocketBase, a few at a time.

::

    StartRollout -> keep the executable -> the canary -> settle -> a wave -> settle -> a wave ...
                                              |                      |
                                              +-- fails: it stops ---+

An instance whose first start fails is back on its former PocketBase before the failure is counted
(:mod:`actors.versions.trial`). Who is stopped is not woken: once the rollout is finished, the new
PocketBase is the current one, and each gets it at its next start.
"""

from __future__ import annotations

import contextlib
import logging

import msgspec
import pykka

from actors.capability import Capability
from actors.data.guard import is_older
from actors.facts import Asked, Reply
from actors.services import Services
from actors.telling import tell
from actors.versions.journal import read_rollout, write_rollout
from actors.versions.shelf import Binary
from bus.answers import Answer, ErrorAnswer, InstanceAnswer, RolloutAnswer
from bus.errors import Conflict, InternalError, NotFound, PblmError
from bus.events import RolloutFinished, RolloutStarted
from bus.instance import Instance
from bus.requests import CancelRollout, GetRollout, StartRollout, UpgradeInstance
from bus.rollout import ENDED, Rollout, RolloutState
from bus.states import Status

log = logging.getLogger(__name__)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The executable of the settings is on the shelf, or why not."""

    request: StartRollout
    reply: Reply
    binary: Binary | None
    error: PblmError | None


class Upgraded(msgspec.Struct, frozen=True, kw_only=True):
    """An instance has been upgraded, or not."""

    user_id: str
    answer: Answer


class WaveSettled(msgspec.Struct, frozen=True, kw_only=True):
    """The wave has run as long as it must."""

    wave: int


class RolloutActor(pykka.ThreadingActor):
    """Owns the rollout. It never waits: upgrades and times come back as facts."""

    def __init__(self, services: Services) -> None:
        super().__init__()
        self._services = services
        self._rollout = read_rollout(services.layout)
        self._binary: Binary | None = None
        self._preparing = False
        self._wave = 0
        self._restarts: dict[str, int] = {}
        """Of those of the wave that were upgraded, how often each had been started again."""

    def on_receive(self, message: object) -> None:
        """Take a request, or a fact about the rollout."""
        match message:
            case Asked(request=request, reply=reply):
                try:
                    self._serve(request, reply)
                except PblmError as error:
                    reply(ErrorAnswer.of(error))
            case Kept():
                self._kept(message)
            case Upgraded(user_id=user_id, answer=answer):
                self._upgraded(user_id, answer)
            case WaveSettled(wave=wave) if wave == self._wave:
                self._settled()
            case WaveSettled():
                pass  # it was cancelled meanwhile
            case _:
                log.error("rollout: not understood: %r", message)

    def _serve(self, request: object, reply: Reply) -> None:
        match request:
            case StartRollout():
                self._start(request, reply)
            case CancelRollout():
                reply(RolloutAnswer(rollout=self._cancel()))
            case GetRollout():
                reply(RolloutAnswer(rollout=self._rollout))
            case _:
                raise InternalError(f"No rollout knows {type(request).__name__}")

    def _start(self, request: StartRollout, reply: Reply) -> None:
        if self._preparing or (self._rollout is not None and self._rollout.state not in ENDED):
            raise Conflict("A rollout is under way: wait for its end, or cancel it")
        self._preparing = True
        services = self._services

        def work() -> None:
            binary, failure = None, None
            try:
                binary = services.versions.shelf.put(services.settings.binary_path)
            except PblmError as error:
                failure = error
            tell(self.actor_ref, Kept(request=request, reply=reply, binary=binary, error=failure))

        services.health.run(work)

    def _kept(self, news: Kept) -> None:
        self._preparing = False
        try:
            if news.error is not None:
                raise news.error
            assert news.binary is not None
            self._begin(news.request, news.binary)
        except PblmError as error:
            news.reply(ErrorAnswer.of(error))
            return
        news.reply(RolloutAnswer(rollout=self._rollout))
        self._next_wave()

    def _begin(self, request: StartRollout, binary: Binary) -> None:
        canary = request.canary
        if canary is not None:
            record = self._services.store.get(canary)
            if record is None:
                raise NotFound(f"No PocketBase instance for user {canary}")
            if record.status is not Status.RUNNING:
                raise Conflict(f"{canary} is {record.status}: a canary must be Running")
        former = self._services.versions.current
        if is_older(binary.version, former.version):
            raise Conflict(f"{binary} is older than the current one, {former}")
        rollout = Rollout(
            state=RolloutState.RUNNING,
            reason="It has begun",
            version=binary.version,
            binary=binary.digest,
            former_version=former.version,
            former_binary=former.digest,
            canary=canary,
            wave=request.wave,
            max_failures=request.max_failures,
            settle_seconds=request.settle_seconds,
            started_at=self._services.clock.now(),
        )
        write_rollout(self._services.layout, rollout)
        self._rollout, self._binary = rollout, binary
        self._note()
        now = self._services.clock.now()
        reason = f"{self._rollout.remaining} running instances are upgraded to {binary}"
        self._services.publish(RolloutStarted(at=now, reason=reason, rollout=self._rollout))

    def _candidates(self, digest: str) -> list[str]:
        failed = {} if self._rollout is None else self._rollout.failures
        return [
            record.user_id
            for record in self._services.store.records()
            if record.status is Status.RUNNING
            and record.binary != digest
            and record.user_id not in failed
        ]

    def _next_wave(self) -> None:
        assert self._rollout is not None
        rollout = self._rollout
        candidates = self._candidates(rollout.binary)
        if rollout.state is RolloutState.CANCELLING:
            self._end(RolloutState.CANCELLED, "It was cancelled")
        elif len(rollout.failures) >= rollout.max_failures:
            first = next(iter(rollout.failures.items()))
            self._end(RolloutState.FAILED, f"{first[0]}: {first[1]}")
        elif not candidates:
            self._end(RolloutState.FINISHED, "All running instances are served by it")
        elif rollout.upgraded or rollout.failures:
            self._upgrade(candidates[: rollout.wave])
        else:
            canary = rollout.canary if rollout.canary in candidates else candidates[0]
            assert canary is not None
            self._upgrade([canary])

    def _upgrade(self, users: list[str]) -> None:
        assert self._rollout is not None
        self._wave += 1
        self._note(under_way=users)
        digest = self._rollout.binary
        for user_id in users:

            def answered(answer: Answer, user_id: str = user_id) -> None:
                tell(self.actor_ref, Upgraded(user_id=user_id, answer=answer))

            self._services.ask(UpgradeInstance(user_id=user_id, binary=digest), answered)

    def _upgraded(self, user_id: str, answer: Answer) -> None:
        assert self._rollout is not None
        under_way = [each for each in self._rollout.under_way if each != user_id]
        problem = self._problem(answer)
        upgraded = self._rollout.upgraded
        failures = dict(self._rollout.failures)
        if problem is not None:
            log.error("rollout: %s: %s", user_id, problem)
            failures[user_id] = problem
        elif isinstance(answer, InstanceAnswer) and self._is_served(user_id):
            upgraded += 1
            self._restarts[user_id] = 0 if answer.instance is None else answer.instance.restarts
        self._note(under_way=under_way, failures=failures, upgraded=upgraded)
        if not under_way:
            delay = 0.0 if failures else self._rollout.settle_seconds
            settled = WaveSettled(wave=self._wave)
            self._services.clock.call_later(delay, lambda: tell(self.actor_ref, settled))

    def _problem(self, answer: Answer) -> str | None:
        """Why an instance is not upgraded; None where it is, or where there is nothing to do."""
        match answer:
            case ErrorAnswer(code=Conflict.code) | ErrorAnswer(code=NotFound.code):
                return None  # stopped, deleted or renamed meanwhile: that was asked for
            case ErrorAnswer(message=message):
                return message
            case InstanceAnswer(instance=Instance(status=Status.RUNNING) as instance):
                return None if self._is_served(instance.user_id) else instance.reason
        return None

    def _is_served(self, user_id: str) -> bool:
        assert self._rollout is not None
        record = self._services.store.get(user_id)
        return record is not None and record.binary == self._rollout.binary

    def _settled(self) -> None:
        """Look whether those of the wave still run, then go on."""
        assert self._rollout is not None
        failures = dict(self._rollout.failures)
        for user_id, restarts in self._restarts.items():
            record = self._services.store.get(user_id)
            if record is not None and record.status is Status.FAILED:
                failures.setdefault(user_id, record.reason)
            elif record is not None and record.restarts > restarts:
                failures.setdefault(user_id, "It crashed right after it was upgraded")
        self._restarts.clear()
        self._note(failures=failures)
        self._next_wave()

    def _cancel(self) -> Rollout:
        if self._rollout is None or self._rollout.state in ENDED:
            raise Conflict("No rollout is under way")
        self._note(state=RolloutState.CANCELLING, reason="It is being cancelled")
        if not self._rollout.under_way:
            self._end(RolloutState.CANCELLED, "It was cancelled")
        return self._rollout

    def _end(self, state: RolloutState, reason: str) -> None:
        assert self._rollout is not None
        self._wave += 1
        now = self._services.clock.now()
        self._note(state=state, reason=reason, ended_at=now, under_way=[])
        if state is RolloutState.FINISHED:
            assert self._binary is not None
            self._services.versions.promote(self._binary)
            self._services.health.run(self._services.spares.end)  # they are of the former one
        log.info("rollout: %s: %s", state, reason)
        self._services.publish(RolloutFinished(at=now, reason=reason, rollout=self._rollout))

    def _note(self, **changes: object) -> None:
        assert self._rollout is not None
        rollout = msgspec.structs.replace(self._rollout, **changes)
        remaining = len(self._candidates(rollout.binary))
        self._rollout = msgspec.structs.replace(rollout, remaining=remaining)
        with contextlib.suppress(PblmError):  # the next manager then knows a little less
            write_rollout(self._services.layout, self._rollout)


def rollouts(services: Services) -> Capability:
    """Open what rolls out; a rollout that the end of a manager interrupted is told to be over."""
    rollout = read_rollout(services.layout)
    if rollout is not None and rollout.state not in ENDED:
        now, reason = services.clock.now(), "The manager ended before it did"
        rollout = msgspec.structs.replace(
            rollout, state=RolloutState.INTERRUPTED, reason=reason, ended_at=now, under_way=[]
        )
        write_rollout(services.layout, rollout)
        services.publish(RolloutFinished(at=now, reason=reason, rollout=rollout))
    ref = RolloutActor.start(services)
    return Capability(
        owner=ref, requests=(StartRollout, GetRollout, CancelRollout), close=lambda: _stop(ref)
    )


def _stop(ref: pykka.ActorRef[RolloutActor]) -> None:
    ref.stop()
