"""Replacement: other data for one user, with as little standstill as can be, and a way back.

::

    ask the process to end -> exchange -> start -> ask its database -> over
                                 |          |             |
                                 |          `-- stop -- take back -- start -> over, with an error
                                 `-- it is to stand still -> over
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import Enum, auto
from pathlib import Path

import msgspec

from actors.data import tokens
from actors.data.orders import KeepData, PutDataBack, ReplaceData
from actors.data.standstill import stand_still
from actors.data.swap import Intent, Swap, remove_rubbish
from actors.facts import ReplacementProven, Reply
from actors.lifecycle import Lifecycle
from actors.lock import DirectoryLock
from actors.services import Services
from bus.answers import Answer, ErrorAnswer
from bus.causes import REMEDY, Remedy
from bus.errors import BackupError, Conflict, PblmError
from bus.states import Desired, Status

DataOrder = ReplaceData | PutDataBack | KeepData
TOKEN_SECONDS = 60
"""How long the token is good that the new database is asked with."""


class Step(Enum):
    """What is done next."""

    EXCHANGE = auto()
    PROVE = auto()
    TAKE_BACK = auto()


class _Work(msgspec.Struct, kw_only=True):
    intent: Intent
    step: Step
    reply: Reply
    error: PblmError | None = None
    rubbish: Path | None = None
    """What a former replacement had kept, and nobody needs any more."""


class Replacement:
    """Belongs to the user's actor. One at a time; nothing else is done with the instance then."""

    def __init__(
        self,
        user_id: str,
        services: Services,
        life: Lifecycle,
        tell: Callable[[ReplacementProven], None],
    ) -> None:
        """``tell`` brings a fact to the actor."""
        self._user_id = user_id
        self._services = services
        self._life = life
        self._keeper = life.keeper
        self._tell = tell
        self._swap = Swap(services.layout, user_id)
        self._work: _Work | None = None

    @property
    def idle(self) -> bool:
        """Whether nothing is under way."""
        return self._work is None

    def check_free(self) -> None:
        """Raise :class:`Conflict` while data are being replaced."""
        if self._work is not None:
            raise Conflict(f"Its data are being replaced by {self._work.intent.what}")

    def serve(self, order: DataOrder, reply: Reply) -> None:
        """Begin. Raises :class:`PblmError` when that is not possible; nothing has changed then."""
        if isinstance(order, ReplaceData):
            self._begin(_Work(intent=self._intent(order), step=Step.EXCHANGE, reply=reply))
            return
        intent = self._swap.intent
        if intent is None or not self._swap.exchanged(intent):
            raise Conflict("No former data are kept: there is nothing to undo or to confirm")
        if isinstance(order, KeepData):
            self._swap.settle()
            self._life.waiters.answer([reply])
        else:
            self._begin(_Work(intent=intent, step=Step.TAKE_BACK, reply=reply))

    def settled(self) -> None:
        """The process is gone: take the step."""
        work = self._work
        if work is not None and self._keeper.status is Status.HIBERNATED:
            self._life.settle_stopped(f"Its data are replaced by {work.intent.what}")
            return  # which has called this again
        if work is None or self._keeper.status is not Status.STOPPED:
            return
        self._life.held = False
        if work.step is Step.EXCHANGE:
            self._exchange(work)
        elif work.step is Step.TAKE_BACK:
            self._take_back(work)

    def proven(self, problem: str | None) -> None:
        """The new data were tried; ``problem`` is None when all is well."""
        work = self._work
        if work is None or work.step is not Step.PROVE:
            return
        if problem is not None:
            work.step = Step.TAKE_BACK
            work.error = BackupError(
                f"PocketBase does not run on {work.intent.what}: {problem}; the former data are "
                "back in their place"
            )
            self._halt("Its new data do not run, the former ones are put back")
            return
        try:
            self._swap.note(msgspec.structs.replace(work.intent, proven=True))
        except PblmError as error:
            work.error = error
        self._finish(work)

    def recover(self) -> None:
        """Go on with what a former actor, or manager, had put in place and not proven."""
        if not self._swap.folder.exists():
            return
        intent = self._swap.intent
        if intent is None or intent.proven or not self._swap.exchanged(intent):
            return
        if self._keeper.record.desired is Desired.STOPPED:
            return
        self._work = _Work(intent=intent, step=Step.PROVE, reply=_nobody)
        record, failure = self._keeper.record, self._keeper.record.failure
        stays = failure is not None and REMEDY[failure.cause] is Remedy.PERSON
        if record.status is Status.FAILED and stays:
            self._tell(ReplacementProven(problem=record.reason))
        elif self._keeper.status is Status.RUNNING:
            self._prove()
        else:
            self._life.waiters.running.append(self._started)

    def abandon(self, error: PblmError) -> None:
        """The actor ends: say so. What is in place stays there, and is proven by the next one."""
        work, self._work = self._work, None
        if work is not None:
            self._life.waiters.refuse([work.reply], error)

    def _intent(self, order: ReplaceData) -> Intent:
        record = self._keeper.record
        return Intent(
            what=order.what,
            at=self._services.clock.now(),
            had_data=self._swap.data.exists(),
            identity=order.identity,
            version=order.version,
            former_identity=record.identity,
            former_version=record.version,
        )

    def _begin(self, work: _Work) -> None:
        process = self._life.process
        if process is not None and self._keeper.status is Status.FAILED:
            raise Conflict(f"The former process (pid {process.pid}) cannot be ended")
        if work.step is Step.EXCHANGE:  # as much as can be done while it is still served
            work.rubbish = self._swap.announce(work.intent)
        self._work = work
        self._halt(f"Its data are replaced by {work.intent.what}")

    def _halt(self, reason: str) -> None:
        """Have no process, and none started before the step is taken."""
        self._life.held = True
        stand_still(self._life, reason, self.settled)

    def _exchange(self, work: _Work) -> None:
        intent = work.intent
        try:
            with self._alone():
                self._swap.exchange(intent)
                try:
                    self._keeper.note_strictly(identity=intent.identity, version=intent.version)
                except PblmError:
                    self._swap.take_back(intent)
                    raise
        except PblmError as error:
            work.error = error
        if work.error is None and self._keeper.record.desired is Desired.RUNNING:
            work.step = Step.PROVE
            self._life.waiters.running.append(self._started)
            self._life.start(f"Its data are {intent.what}", forced=True)
        else:
            self._finish(work)

    def _take_back(self, work: _Work) -> None:
        intent = work.intent
        try:
            with self._alone():
                identity, version = intent.former_identity, intent.former_version
                self._keeper.note_strictly(identity=identity, version=version)
                self._swap.take_back(intent)
        except PblmError as error:
            work.error = error
        self._finish(work)

    def _started(self, answer: Answer) -> None:
        """It runs, or cannot be started. Within the life of the process: nothing is begun here."""
        if isinstance(answer, ErrorAnswer):
            self._tell(ReplacementProven(problem=answer.message))
        else:
            self._prove()

    def _prove(self) -> None:
        port, data = self._keeper.record.port, self._swap.data
        assert port is not None
        health, clock = self._services.health, self._services.clock

        def work() -> None:
            problem = None
            try:
                token = tokens.mint(
                    data,
                    collection=tokens.SUPERUSERS,
                    record_id=None,
                    now=clock.now(),
                    seconds=TOKEN_SECONDS,
                )
                health.check_deeply(port, token.token)
            except PblmError as error:
                problem = error.message
            self._tell(ReplacementProven(problem=problem))

        health.run(work)

    def _finish(self, work: _Work) -> None:
        """Answer: with the error at once, else when it runs, if it is to run."""
        self._work = None
        if work.rubbish is not None:
            self._services.health.run(lambda: remove_rubbish(work.rubbish))
        waiters, running = self._life.waiters, self._keeper.record.desired is Desired.RUNNING
        starts = running and self._keeper.status is Status.STOPPED
        if work.error is not None:
            waiters.refuse([work.reply], work.error)
        elif starts:
            waiters.running.append(work.reply)
        else:
            waiters.answer([work.reply])
        if starts:
            self._life.start("It is started again", forced=True)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the directory's lock: no process serves it, known to us or not."""
        layout = self._services.layout
        stray = self._services.strays.serve(self._swap.data)
        lock = None if stray else DirectoryLock.take(layout.lock(self._user_id))
        if lock is None:
            raise Conflict(f"A process that is not ours serves {self._swap.data}")
        try:
            yield
        finally:
            lock.close()


def _nobody(answer: Answer) -> None:
    """Nobody waits for it any more."""
