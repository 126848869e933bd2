"""FallingAsleep: the last look before an instance is put to sleep.

::

    shut the route -> who is inside? -> latch the port -> who is connected? -> nobody: stop it
                            |                                    |
                            +------------- somebody -------------+--> open both, stay awake

Whoever comes meanwhile finds no route, asks to have the instance woken, and by that ends it too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from actors.door.routes import Busy
from actors.facts import LastLookTaken, Reply, RunFact
from actors.lifecycle import Lifecycle
from actors.services import Services
from actors.sleep.latch import Latch
from actors.traffic import held_by, inside
from bus.errors import Conflict
from bus.states import Status

LONGEST_HOLD = 5.0
"""Seconds after which callers are let in again, whatever became of the look."""

log = logging.getLogger(__name__)


class FallingAsleep:
    """Belongs to the user's actor. One look at a time: two would hold the same latch."""

    def __init__(
        self, user_id: str, services: Services, life: Lifecycle, tell: Callable[[RunFact], None]
    ) -> None:
        self._user_id = user_id
        self._services = services
        self._life = life
        self._tell = tell
        self._looking_at: int | None = None
        """The run that is looked at."""
        self._wanted = False
        """Nobody has called since the look began."""
        self._reason = ""
        self._replies: list[Reply] = []

    @property
    def idle(self) -> bool:
        """Whether nobody looks just now."""
        return self._looking_at is None

    def begin(self, reason: str, reply: Reply) -> None:
        """Look whether anybody uses the instance; put it to sleep if nobody does.

        Raises :class:`Conflict` unless it is Running.
        """
        record = self._life.keeper.record
        if record.status is Status.HIBERNATED:
            self._life.waiters.answer([reply])
        elif record.status is not Status.RUNNING:
            raise Conflict(f"The instance is {record.status}: only one that runs is put to sleep")
        elif self._wanted:
            self._replies.append(reply)
        elif self._looking_at == record.run:
            raise Conflict("The instance stays awake: somebody has just called")
        else:
            self._replies.append(reply)
            self._looking_at, self._wanted, self._reason = record.run, True, reason
            self._services.routes.shut(self._user_id, self._look(record.run))

    def interrupt(self, why: str) -> None:
        """Somebody wants the instance: it stays awake. Harmless when it does not fall asleep."""
        if not self._wanted:
            return
        self._wanted = False
        record = self._life.keeper.record
        if record.status is Status.RUNNING and record.port is not None:
            self._services.routes.open(self._user_id, record.port)
        self._life.waiters.refuse(self._replies, Conflict(f"The instance stays awake: {why}"))

    def learn(self, fact: LastLookTaken) -> None:
        """Go on after the look; one that was interrupted meanwhile says nothing any more."""
        status, current = self._life.keeper.status, fact.run == self._looking_at
        if current:
            self._looking_at = None
        if current and self._wanted and fact.busy is None and status is Status.RUNNING:
            self._fall()
            if fact.latch is not None:
                fact.latch.keep()
            return
        if fact.latch is not None:
            fact.latch.release()
        if current:
            self.interrupt(fact.busy or f"it is {status}")

    def _fall(self) -> None:
        self._wanted = False
        self._life.waiters.asleep += self._replies
        self._replies = []
        self._life.begin_stop(self._reason, to_sleep=True)

    def _look(self, run: int) -> Callable[[Busy], None]:
        port, pid = self._life.keeper.record.port, self._life.keeper.record.pid
        assert port is not None
        assert pid is not None

        def shut(busy: Busy) -> None:
            if busy is None:
                self._services.health.run(look)
            else:
                self._tell(LastLookTaken(run=run, busy=busy))

        def look() -> None:
            latch = None
            try:
                held = held_by(self._services.routes.pids())
                others = inside(port, held)
                if not others:
                    latch = self._close_latch(pid, port)
                    others = inside(port, held)
                busy = f"{others} connections are open" if others else None
            except Exception as error:  # untold, this would have been the last look
                log.exception("%s: the last look failed", self._user_id)
                busy = f"it cannot be seen who uses it: {error!r}"
            self._tell(LastLookTaken(run=run, busy=busy, latch=latch))

        return shut

    def _close_latch(self, pid: int, port: int) -> Latch | None:
        latch = Latch.close_on(pid, port, self._services.layout.near)
        if latch is not None:
            self._services.clock.call_later(LONGEST_HOLD, latch.release)
        return latch
