"""Monitor: has the instances looked at, and answers what was seen of them."""

from __future__ import annotations

import logging
from concurrent.futures import Executor, ThreadPoolExecutor

import msgspec
import pykka

from actors.capability import Capability
from actors.facts import Asked
from actors.monitor.counting import Counting
from actors.monitor.survey import Survey
from actors.monitor.totals import OwnProcess, fleet
from actors.services import Services
from actors.telling import tell
from bus.answers import Answer, ErrorAnswer, HistoryAnswer, UsageAnswer
from bus.errors import InternalError, NotFound, PblmError
from bus.requests import GetFleet, GetHistory, GetUsage, Request

log = logging.getLogger(__name__)


class LookDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look at the instances."""


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """They were looked at."""


class Monitor(pykka.ThreadingActor):
    """Owns the times of the looks; a thread of its own does the looking.

    A look at a thousand processes takes a tenth of a second, a walk through a large directory
    longer: who asks for numbers waits for neither.
    """

    def __init__(self, services: Services, pool: Executor) -> None:
        super().__init__()
        self._services = services
        self._pool = pool
        self._survey = Survey(services)
        self._own = OwnProcess(services)

    def on_receive(self, message: object) -> None:
        """Take a request, or the news that a look is due or over."""
        match message:
            case Asked(request=request, reply=reply):
                reply(self._answer(request))
            case LookDue():
                self._pool.submit(self._look)
            case Looked():
                interval = self._services.settings.usage_interval
                self._services.clock.call_later(interval, lambda: tell(self.actor_ref, LookDue()))
            case _:
                log.error("monitor: not understood: %r", message)

    def _answer(self, request: Request) -> Answer:
        try:
            return self._serve(request)
        except PblmError as error:
            return ErrorAnswer.of(error)
        except Exception as bug:
            log.exception("monitor: a bug")
            return ErrorAnswer.of(InternalError(f"The request failed by a bug: {bug!r}"))

    def _serve(self, request: Request) -> Answer:
        match request:
            case GetFleet():
                return fleet(self._services, self._own.shown())
            case GetUsage(user_id=user_id):
                self._check_known(user_id)
                return UsageAnswer(
                    user_id=user_id,
                    interval=self._services.settings.usage_interval,
                    usage=self._services.usage.latest(user_id),
                    points=self._services.usage.points(user_id),
                )
            case GetHistory(user_id=user_id):
                self._check_known(user_id)
                transitions = self._services.store.history(user_id)
                return HistoryAnswer(user_id=user_id, transitions=transitions)
        raise InternalError(f"The monitor does not know {type(request).__name__}")

    def _check_known(self, user_id: str) -> None:
        if self._services.store.get(user_id) is None:
            raise NotFound(f"No PocketBase instance for user {user_id}")

    def _look(self) -> None:
        for look in (self._own.look, self._survey.look_at_all, self._survey.measure_data):
            try:
                look()
            except Exception:
                log.exception("monitor: a look failed; going on with the next")
        tell(self.actor_ref, Looked())


def monitor(services: Services) -> Capability:
    """Start the monitor."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="monitor")
    actor = Monitor.start(services, pool)
    actor.tell(LookDue())

    def close() -> None:
        actor.stop()
        pool.shutdown(cancel_futures=True)

    return Capability(
        owner=actor,
        requests=(GetFleet, GetUsage, GetHistory),
        hear=Counting(services).hear,
        close=close,
    )
