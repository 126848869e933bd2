"""Limit: whoever has acknowledged too much that is in no replica acknowledges nothing more.

Only where ``PB_CLUSTER_MAX_LAG`` is set. A user who is behind is started again, which sends a whole
copy. As long as the place of the replicas does not answer, nobody is started: what they would
acknowledge could be lost with this host. Nobody is given to another host, which would begin with
what is in the replica.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from actors.services import Services
from bus.answers import Answer, ErrorAnswer
from bus.causes import Cause
from bus.requests import InitInstance
from bus.states import Status

log = logging.getLogger(__name__)


class LagLimit:
    """Belongs to the replicator."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._most = services.settings.cluster_max_lag
        self.holds = False
        """Whether nobody is started."""

    def know(self, lags: Mapping[str, float], silent: bool) -> None:
        """Take what was found, of those who run, and whether the place does not answer."""
        tenancy = self._services.tenancy
        if self._most is None or tenancy is None:
            return
        late = [user_id for user_id, lag in lags.items() if self._lag_of_run(user_id, lag)]
        if late and silent and not self.holds:
            log.error("the place of the replicas does not answer: nobody is started until it does")
            self.holds = True
            tenancy.hold(f"changes wait longer than {self._most:g} s to be in the replica")
        elif self.holds and not silent:
            log.info("the place of the replicas answers again")
            self.holds = False
            tenancy.hold(None)
            self._go_on()
        for user_id in late:
            log.error("%s: is stopped: its replica is more than %g s behind", user_id, self._most)
            self._start(user_id, again=True)

    def _lag_of_run(self, user_id: str, lag: float) -> bool:
        """Whether it is too much. Nothing that was written before this run counts: it is sent."""
        record = self._services.store.get(user_id)
        if record is None or record.started_at is None or self._most is None:
            return False
        up = (self._services.clock.now() - record.started_at).total_seconds()
        return min(lag, up) > self._most

    def _go_on(self) -> None:
        for record in self._services.store.records():
            failure = record.failure
            if (
                record.status is Status.FAILED
                and failure is not None
                and failure.cause is Cause.REPLICA_BEHIND
            ):
                self._start(record.user_id)

    def _start(self, user_id: str, *, again: bool = False) -> None:
        request = InitInstance(user_id=user_id, force_restart=again, wait=False)
        self._services.ask(request, _tell_refusal)


def _tell_refusal(answer: Answer) -> None:
    if isinstance(answer, ErrorAnswer):
        log.error("it could not be started again: %s", answer.message)
