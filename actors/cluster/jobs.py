"""Jobs: the threads that may wait for etcd, for the replica, and for the users' actors."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

from actors.clock import Clock, boottime
from actors.cluster.gateway import Unreachable
from bus.errors import InternalError, PblmError, Unavailable

QUICK = 8
"""Threads for what takes milliseconds as long as etcd answers."""
LOOK = 0.25
"""Seconds between two looks whether what is waited for is still wanted."""

log = logging.getLogger(__name__)


class Jobs:
    """Two pools: what is quick does not wait behind restores."""

    def __init__(self, clock: Clock, restores: int) -> None:
        self._clock = clock
        self._quick = ThreadPoolExecutor(QUICK, thread_name_prefix="cluster")
        self._slow = ThreadPoolExecutor(restores, thread_name_prefix="restore")
        self._lock = Lock()
        self._users: set[str] = set()

    def quick(self, work: Callable[[], None]) -> None:
        """Do it soon."""
        self._submit(self._quick, work)

    def later(self, delay: float, work: Callable[[], None]) -> None:
        """Do it in ``delay`` seconds."""
        self._clock.call_later(delay, lambda: self.quick(work))

    def slowly(self, work: Callable[[], None]) -> None:
        """Do it when its turn comes."""
        self._submit(self._slow, work)

    def once(self, user_id: str, work: Callable[[], None]) -> bool:
        """Do it when its turn comes, unless something is under way for this user: False."""
        if not self._begin(user_id):
            return False

        def alone() -> None:
            try:
                work()
            finally:
                self._end(user_id)

        self.slowly(alone)
        return True

    @contextlib.contextmanager
    def alone(self, user_id: str) -> Iterator[None]:
        """Have nothing else under way for this user. Raises :class:`Unavailable` if there is."""
        if not self._begin(user_id):
            raise Unavailable(f"{user_id} is being brought to this host", retry_after=1)
        try:
            yield
        finally:
            self._end(user_id)

    def _begin(self, user_id: str) -> bool:
        with self._lock:
            free = user_id not in self._users
            self._users.add(user_id)
        return free

    def _end(self, user_id: str) -> None:
        with self._lock:
            self._users.discard(user_id)

    def all(
        self,
        works: Mapping[str, Callable[[], None]],
        patience: float,
        wanted: Callable[[], bool],
    ) -> None:
        """Do each, by user, when its turn comes, but for users with whom something is under way.

        Returns when all are done, after ``patience`` seconds, or when it is not ``wanted`` any
        more; what is under way then goes on.
        """
        ends = boottime() + patience
        begun = []
        for user_id, work in works.items():
            done = Event()
            if self.once(user_id, functools.partial(_do, work, done)):
                begun.append(done)
        for done in begun:
            while wanted() and not done.wait(min(LOOK, max(0.0, ends - boottime()))):
                if boottime() >= ends:
                    return

    def close(self) -> None:
        """Begin nothing more; return when what is under way has ended."""
        self._quick.shutdown(cancel_futures=True)
        self._slow.shutdown(cancel_futures=True)

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[], None]) -> None:
        def safely() -> None:
            try:
                work()
            except Exception:
                log.exception("cluster: a bug")

        with contextlib.suppress(RuntimeError):  # closed
            pool.submit(safely)


def _do(work: Callable[[], None], done: Event) -> None:
    try:
        work()
    finally:
        done.set()


def problem_of(work: Callable[[], object]) -> PblmError | None:
    """Do it, and return what stands in the way, for somebody who waits; None: it is done."""
    try:
        work()
    except PblmError as error:
        return error
    except Unreachable as error:
        return Unavailable(f"etcd does not answer: {error}", retry_after=2)
    except Exception as bug:
        log.exception("cluster: a bug")
        return InternalError(f"It failed by a bug: {bug!r}")
    return None
