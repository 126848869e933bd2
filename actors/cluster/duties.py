"""Duties: what this host owes the agreement of the hosts. Tried until it is done."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from actors.cluster.gateway import Unreachable
from actors.cluster.jobs import Jobs
from bus.errors import PblmError

FIRST, LONGEST = 0.5, 15.0
"""Seconds from one try to the next: at first, and at the most, after they were doubled."""

log = logging.getLogger(__name__)


class Duties:
    """Any thread may use it. What is owed is lost with the manager: the registry tells it again."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = Lock()
        self._owed: dict[str, Callable[[], None]] = {}

    def owe(self, what: str, work: Callable[[], None]) -> None:
        """Have ``work`` done soon, and again until it does not raise.

        It returns, too, when there is nothing to be done any more. Of the same ``what`` one is
        done at a time, and after one that was owed later the earlier ones do not matter.
        """
        with self._lock:
            begun = what in self._owed
            self._owed[what] = work
        if not begun:
            self._jobs.quick(lambda: self._do(what, FIRST))

    def __contains__(self, what: object) -> bool:
        """Whether that is still owed."""
        return what in self._owed

    def _do(self, what: str, pause: float) -> None:
        with self._lock:
            work = self._owed[what]
        try:
            work()
        except Exception as error:
            if isinstance(error, PblmError | Unreachable):
                log.warning("%s: not yet: %s", what, error)
            else:
                log.exception("%s: a bug", what)
            again = min(2 * pause, LONGEST)
            self._jobs.quick(lambda: self._do(what, again), delay=pause)
            return
        with self._lock:
            done = self._owed[what] is work
            if done:
                del self._owed[what]
        if not done:
            self._jobs.quick(lambda: self._do(what, FIRST))
