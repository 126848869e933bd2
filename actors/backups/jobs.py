"""Jobs: what takes its time, in threads of their own, at most one per user."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from actors.backups.facts import JobDone, JobFailed
from bus.errors import Conflict, InternalError, PblmError

SPARE = 2
"""Threads beyond those that the schedule may occupy: who asks does not wait for it."""
AWAY = 3
"""Threads that wait for ``PB_BACKUP_URL``: one sends, one removes, one is for who asks."""

_T = TypeVar("_T")
log = logging.getLogger(__name__)


class Jobs:
    """Belongs to the keeper, whose thread alone calls it."""

    def __init__(self, parallel: int, tell: Callable[[Any], None]) -> None:
        """``tell`` brings a fact to the keeper, from any thread."""
        self._tell = tell
        self._pool = ThreadPoolExecutor(parallel + SPARE, thread_name_prefix="backups")
        self._away = ThreadPoolExecutor(AWAY, thread_name_prefix="backups-away")
        self._busy: dict[str, str] = {}
        self.halted = threading.Event()
        """Set when the manager ends: what is under way is to fail soon."""

    def check_free(self, user_ids: Collection[str]) -> None:
        """Raise :class:`Conflict` while something is done for one of the users."""
        for user_id in user_ids:
            if user_id in self._busy:
                raise Conflict(f"{self._busy[user_id]} of {user_id} is under way")

    def take(self, user_ids: Collection[str], what: str) -> None:
        """Keep others off the users until :meth:`give_back`; raise :class:`Conflict`."""
        self.check_free(user_ids)
        self._busy.update(dict.fromkeys(user_ids, what))

    def give_back(self, user_ids: Collection[str]) -> None:
        """It is over."""
        for user_id in user_ids:
            self._busy.pop(user_id, None)

    def run(
        self,
        work: Callable[[], _T],
        then: Callable[[_T], None],
        failed: Callable[[PblmError], None],
        *,
        away: bool = False,
    ) -> None:
        """Do ``work`` in a thread; the keeper goes on with its result, or with the error.

        ``away``: it waits for ``PB_BACKUP_URL``, and nothing that is done here waits for it.
        """

        def job() -> None:
            try:
                result = work()
            except PblmError as error:
                self._tell(JobFailed(error=error, failed=failed))
            except Exception as bug:
                log.exception("a job failed by a bug")
                told = InternalError(f"It failed by a bug: {bug!r}")
                self._tell(JobFailed(error=told, failed=failed))
            else:
                self._tell(JobDone(result=result, then=then))

        (self._away if away else self._pool).submit(job)

    def go_on(self, result: _T, then: Callable[[_T], None]) -> None:
        """Have the keeper go on with what came from elsewhere; from any thread."""
        self._tell(JobDone(result=result, then=then))

    def close(self) -> None:
        """End what is under way, and the threads."""
        self.halted.set()
        for pool in (self._away, self._pool):
            pool.shutdown(cancel_futures=True)
