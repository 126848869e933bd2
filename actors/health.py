"""What a probe is: whether PocketBase answers, and whether it is the right one."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from actors import probe, proc, sockets
from actors.clock import LoopClock
from actors.data.database import UserDataError
from actors.data.operator import Operator
from actors.data.userdata import TokenKey, read_identity
from actors.facts import Problem
from actors.layout import LOOPBACK
from actors.probe import BadAnswer, NotAskedError, Place, Questions
from actors.process import ManagedProcess
from actors.readiness import Look, Readiness
from actors.written import Written
from bus.errors import PblmError
from bus.metrics import Metrics
from bus.stopwatch import Stopwatch

AGAIN = 1.0
"""Seconds to the next try of a check that could not be made."""
Ready = Callable[[str | None], None]

log = logging.getLogger(__name__)


def serves(pid: int, place: Place, data: Path) -> bool:
    """Whether the process listens there and has the database in ``data`` open.

    It, or a child of it: a replicating parent has the database open too, but does not listen. An
    answer on the port alone proves nothing: a stranger's PocketBase gives the same.
    """
    address, port = place
    wanted = {str(data / "data.db"), sockets.listener(port, address)}
    if wanted <= proc.open_files(pid):  # nearly always, and children are found slowly
        return True
    return any(wanted <= proc.open_files(each) for each in proc.family(pid)[1:])


class HealthChecker:
    """Runs the probes, so that no actor waits for an answer."""

    def __init__(
        self,
        clock: LoopClock,
        *,
        threads: int,
        operator: Operator | None,
        timeout: float,
        address: str = LOOPBACK,
        metrics: Metrics | None = None,
    ) -> None:
        """What may take time beside the question itself is done by ``threads`` threads.

        The instances are at the ``address``.

        A check waits ``timeout`` seconds for an answer.

        The ``operator`` is signed up where he is not yet, before an instance counts as ready.
        """
        self._operator = operator
        self._timeout = timeout
        self._address = address
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._written = _open_written(clock)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="health")
        self._questions = Questions(clock)
        self._closed = False

    def check(self, port: int, report: Callable[[Problem | None], None]) -> None:
        """Call ``report`` with what is wrong with the instance on ``port``, or None."""
        self._clock.post(lambda: self._check(port, report))

    def _check(self, port: int, report: Callable[[Problem | None], None]) -> None:
        if self._closed:
            return
        watch = Stopwatch()

        def told(error: Exception | None) -> None:
            if isinstance(error, NotAskedError):
                log.warning("port %d is not checked: %s", port, error)
                self._clock.call_later(AGAIN, lambda: self._check(port, report))
                return
            result = "passed" if error is None else "failed"
            self._metrics.health_checks.labels(result).observe(watch.seconds())
            report(None if error is None else self._problem(error))

        self._questions.new((self._address, port), self._timeout, told).ask(b"OPTIONS")

    def _problem(self, error: Exception) -> Problem:
        if isinstance(error, TimeoutError):
            return Problem(what=f"no answer within {self._timeout:g} s", silent=True)
        what = str(error) if isinstance(error, BadAnswer) else type(error).__name__
        return Problem(what=what, silent=False)

    def check_deeply(self, port: int, token: str, *, address: str | None = None) -> None:
        """Ask the database of what is on ``port``; see :mod:`actors.asking`. Takes time.

        At the ``address``, if it is not where the instances are.
        """
        from actors import asking

        asking.check_deeply((address or self._address, port), token)

    def listens(self, port: int) -> bool:
        """Whether anybody listens on the instances' ``port``."""
        return probe.listens(port, self._address)

    def run(self, work: Callable[[], None]) -> None:
        """Do ``work`` in a thread of the probes; not at all when they are closed already."""
        with contextlib.suppress(RuntimeError):
            self._pool.submit(work)

    def await_ready(
        self,
        process: ManagedProcess,
        port: int,
        data: Path,
        *,
        new: bool,
        deep: bool = False,
        address: str | None = None,
        ready: Ready,
    ) -> None:
        """Call ``ready`` once the process serves ``data`` on ``port``; never if it exits before.

        At the ``address``, if it is not where the instances are.

        It is told the identity of a database that is ``new``, else None. With ``deep`` it must
        also have answered from that database, as the manager's own superuser.
        """
        place = (address or self._address, port)

        def look() -> Callable[[], None] | None:
            try:
                if deep and not _knows_us(place, data):
                    return None
                identity = read_identity(data) if new else None
                if self._operator is not None:
                    self._operator.sign_up(data)
            except UserDataError:
                return None
            return lambda: ready(identity)

        closely = look if new or deep or self._operator is not None else None
        self._clock.post(lambda: self._begin(process, place, data, closely, ready))

    def _begin(
        self, process: ManagedProcess, place: Place, data: Path, look: Look | None, ready: Ready
    ) -> None:
        """Wait for it, on the clock's thread."""
        if self._closed:
            return
        Readiness(
            self._clock,
            self._questions,
            process,
            place,
            is_ours=lambda: serves(process.pid, place, data),
            look=look,
            run=self.run,
            ready=lambda: ready(None),
        ).begin(self._written)

    def introduce(
        self,
        process: ManagedProcess,
        port: int,
        key: Callable[[], TokenKey],
        name: str,
        ready: Callable[[TokenKey], None],
        *,
        timeout: float | None = None,
    ) -> None:
        """Name the application of a PocketBase that runs, then call ``ready``; else end it.

        That it takes what is signed with the ``key`` of a database proves that it serves that one.
        It may take ``timeout`` seconds, or as long as a health check.
        """

        def run() -> None:
            from actors import asking

            try:
                place, signed_with = (self._address, port), key()
                asking.name_application(place, signed_with, name, timeout=timeout or self._timeout)
            except (BadAnswer, OSError, PblmError):
                log.exception("pid %d, on port %d, cannot be named", process.pid, port)
                process.kill()
            else:
                ready(signed_with)

        self.run(run)

    def close(self) -> None:
        """Abandon the questions under way, and end the threads after what they are at."""
        self._clock.post(self._abandon)
        if self._written is not None:
            self._written.close()
        self._pool.shutdown(cancel_futures=True)

    def _abandon(self) -> None:
        self._closed = True
        self._questions.abandon()


def _open_written(clock: LoopClock) -> Written | None:
    try:
        return Written(clock)
    except OSError as error:
        log.warning("starts take longer to be noticed, as no file can be watched: %s", error)
        return None


def _knows_us(place: Place, data: Path) -> bool:
    from actors import asking

    return asking.knows_us(place, data)
