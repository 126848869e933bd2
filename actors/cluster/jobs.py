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
CLAIMS = 8
"""Threads for what waits for etcd, and for the actor of a user who is had here."""
LOOKS = 8
"""Threads for looks into the replica: a bucket that hangs holds each for seconds."""
LOOK = 0.25
"""Seconds between two looks whether what is waited for is still wanted."""

log = logging.getLogger(__name__)


Work = Callable[[], None]
Later = Callable[[Work], None]
"""What is left to be done is given to it."""


def at_once(work: Work) -> None:
    """Do it now."""
    work()


class Jobs:
    """Pools of threads: nobody who waits for etcd alone waits behind who waits for the replica."""

    def __init__(self, clock: Clock, restores: int) -> None:
        self._clock = clock
        self._quick = ThreadPoolExecutor(QUICK, thread_name_prefix="cluster")
        self._claims = ThreadPoolExecutor(CLAIMS, thread_name_prefix="claims")
        self._looks = ThreadPoolExecutor(LOOKS, thread_name_prefix="looks")
        self._slow = ThreadPoolExecutor(restores, thread_name_prefix="restore")
        self._lock = Lock()
        self._users: set[str] = set()

    def quick(self, work: Work, *, delay: float = 0.0) -> None:
        """Do it soon, or in ``delay`` seconds. It waits for etcd, at the most."""
        self._after(delay, self._quick, work)

    def look(self, work: Work, *, delay: float = 0.0) -> None:
        """Likewise, for what waits for the replica a few seconds, too."""
        self._after(delay, self._looks, work)

    def once(self, user_id: str, work: Callable[[], Work | None]) -> bool:
        """Do it soon, unless something is under way for this user: False.

        What it returns is done in its turn, as a part of it: it may wait for the replica for long.
        """
        if not self._begin(user_id):
            return False

        def alone() -> None:
            rest = None
            try:
                rest = work()
            finally:
                if rest is None:
                    self._end(user_id)
            if rest is not None:
                self._submit(self._slow, functools.partial(self._finish, user_id, rest))

        self._submit(self._claims, alone)
        return True

    def __contains__(self, user_id: object) -> bool:
        """Whether something is under way for the user."""
        with self._lock:
            return user_id in self._users

    def _finish(self, user_id: str, rest: Work) -> None:
        try:
            rest()
        finally:
            self._end(user_id)

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
        works: Mapping[str, Callable[[], Work | None]],
        patience: float,
        wanted: Callable[[], bool],
    ) -> None:
        """Do each, by user, as :meth:`once` does, but for users with whom something is under way.

        Returns when all are done, but for what waits for the replica; after ``patience`` seconds;
        or when it is not ``wanted`` any more. What is under way then goes on.
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
        for pool in (self._quick, self._claims, self._looks, self._slow):
            pool.shutdown(cancel_futures=True)

    def _after(self, delay: float, pool: ThreadPoolExecutor, work: Work) -> None:
        if delay:
            self._clock.call_later(delay, lambda: self._submit(pool, work))
        else:
            self._submit(pool, work)

    def _submit(self, pool: ThreadPoolExecutor, work: Work) -> None:
        def safely() -> None:
            try:
                work()
            except Exception:
                log.exception("cluster: a bug")

        with contextlib.suppress(RuntimeError):  # closed
            pool.submit(safely)


def _do(work: Callable[[], Work | None], done: Event) -> Work | None:
    try:
        return work()
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
