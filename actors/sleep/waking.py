"""Waking: having an instance answer, however it is just now. However many ask, it starts once."""

from __future__ import annotations

from collections.abc import Callable

from actors.facts import AnswersAgain, Reply, RunFact
from actors.lifecycle import Lifecycle
from actors.services import Services
from bus.errors import Conflict, Unavailable
from bus.states import Desired, Status

PATIENCE = 10.0
"""Seconds to the next try of what has failed, up to which a call waits for it."""
MAX_RETRY = 300.0
"""Seconds after which whoever was refused may ask again, at the latest."""
MAX_WAITING = 120
"""Calls that wait for one instance at the same time; the others are refused at once."""


class Waking:
    """Belongs to the user's actor."""

    def __init__(
        self, user_id: str, services: Services, life: Lifecycle, tell: Callable[[RunFact], None]
    ) -> None:
        self._user_id = user_id
        self._services = services
        self._life = life
        self._tell = tell

    def wake(self, reply: Reply) -> None:
        """Answer as soon as the instance does.

        Raises :class:`Conflict` when it is not to run, :class:`Unavailable` when it fails again
        and again, or when many wait already.
        """
        keeper, waiters = self._life.keeper, self._life.waiters
        if keeper.record.desired is Desired.STOPPED:
            raise Conflict("The instance was stopped: call init_pb to have it running")
        if len(waiters.running) >= MAX_WAITING:
            raise Unavailable(f"{MAX_WAITING} calls wait for the instance already", retry_after=1)
        match keeper.status:
            case Status.RUNNING if self._listens():
                waiters.answer([reply])
                return
            case Status.RUNNING:  # it died, and nobody has told yet; or it starts itself anew
                self._await_answering()
            case Status.HIBERNATED | Status.STOPPED:
                self._life.start("It was woken", forced=False)
            case Status.FAILED:
                self._check_retried_soon()
        waiters.running.append(reply)

    def learn(self, fact: AnswersAgain) -> None:
        """Answer those who wait, if it is still the same process that listens."""
        record = self._life.keeper.record
        if fact.run == record.run and record.status is Status.RUNNING:
            self._life.waiters.answer(self._life.waiters.running)

    def _listens(self) -> bool:
        port = self._life.keeper.record.port
        return port is not None and self._services.health.listens(port)

    def _check_retried_soon(self) -> None:
        due, record = self._life.retries.due_in(), self._life.keeper.record
        if due is None or due > PATIENCE:
            raise Unavailable(record.reason, retry_after=min(due or MAX_RETRY, MAX_RETRY))

    def _await_answering(self) -> None:
        process, record = self._life.process, self._life.keeper.record
        assert process is not None
        assert record.port is not None
        run = record.run
        self._services.health.await_ready(
            process,
            record.port,
            self._services.layout.data(self._user_id),
            new=False,
            ready=lambda _: self._tell(AnswersAgain(run=run)),
        )
