"""What a probe is: whether PocketBase answers, and whether it is the right one."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from actors import probe, proc
from actors.clock import LoopClock, utc_now
from actors.data.database import UserDataError
from actors.data.operator import Operator
from actors.data.tokens import SUPERUSERS, mint
from actors.data.userdata import read_identity
from actors.facts import Problem
from actors.layout import LOOPBACK
from actors.probe import READY_TIMEOUT, BadAnswer
from actors.process import ManagedProcess
from bus.errors import BackupError, InstanceIOError, NotFound, PblmError
from bus.metrics import Metrics
from bus.stopwatch import Stopwatch

PAUSES = ((0.008, 1), (0.001, 40), (0.002, 200))
"""Seconds between looks at a starting instance, and how often: no PocketBase starts in less than
the first, most do within the second, on a busy machine within the third."""
LAST_PAUSE = 0.025
SUPERUSERS_PATH = "/api/collections/_superusers/records?perPage=1&fields=id&skipTotal=1"
DEEP_TIMEOUT = 10.0
"""How long the first answer from a database may take, in seconds."""
Ready = Callable[[str | None], None]

log = logging.getLogger(__name__)


Place = tuple[str, int]
"""Address and port of a PocketBase."""


def _ask(
    place: Place, method: str, path: str, *, timeout: float, body: object = None, token: str
) -> bytes:
    """Ask PocketBase as a superuser, on a connection of its own; by hand, as nobody else is asked.

    Superusers are let in from 127.0.0.1 only, wherever it listens.
    """
    connection = http.client.HTTPConnection(*place, timeout=timeout, source_address=(LOOPBACK, 0))
    headers = {
        "Connection": "close",
        "User-Agent": "pblm",
        "Authorization": token,
        "Content-Type": "application/json",
    }
    try:
        content = None if body is None else msgspec.json.encode(body)
        connection.request(method, path, content, headers)
        response = connection.getresponse()
        answer = response.read()
    finally:
        connection.close()
    if not 200 <= response.status < 300:
        raise BadAnswer(f"it answers {response.status}")
    return answer


def knows_us(place: Place, data: Path) -> bool:
    """Whether PocketBase there finds our superuser, as a token proves, in its database.

    It tells superusers whether it can make a backup, and nobody else. Where the user has removed
    ours there is nothing to ask with.
    """
    try:
        now = utc_now()
        token = mint(data, collection=SUPERUSERS, record_id=None, now=now, seconds=60).token
    except NotFound:
        return True
    except InstanceIOError:
        return False
    try:
        answer = _ask(place, "GET", "/api/health", timeout=READY_TIMEOUT, token=token)
        return "canBackup" in msgspec.json.decode(answer)["data"]
    except (BadAnswer, OSError, http.client.HTTPException):
        return False
    except (msgspec.DecodeError, KeyError, TypeError):
        return False


def check_deeply(place: Place, token: str, *, timeout: float = DEEP_TIMEOUT) -> None:
    """Raise :class:`BackupError` unless PocketBase there reads the superuser of ``token``.

    It answers a health check without a look at its database. Its superusers it reads from there,
    and knows this one only if the token was signed with the keys in that very database.
    """
    try:
        _ask(place, "GET", SUPERUSERS_PATH, timeout=timeout, token=token)
    except (BadAnswer, OSError, http.client.HTTPException) as error:
        raise BackupError(f"it does not answer from its database: {error}") from error


def serves(pid: int, place: Place, data: Path) -> bool:
    """Whether the process listens there and has the database in ``data`` open.

    It, or a child of it: a replicating parent has the database open too, but does not listen. An
    answer on the port alone proves nothing: a stranger's PocketBase gives the same.
    """
    address, port = place
    wanted = {str(data / "data.db"), proc.listener(port, address)}
    return any(wanted <= proc.open_files(each) for each in proc.family(pid))


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
        """``threads`` probes run at once; the rest wait their turn.

        The instances are at the ``address``.

        A check waits ``timeout`` seconds for an answer.

        The ``operator`` is signed up where he is not yet, before an instance counts as ready.
        """
        self._operator = operator
        self._address = address
        self._timeout = timeout
        self._metrics = metrics or Metrics()
        self._clock = clock
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="health")

    def check(self, port: int, report: Callable[[Problem | None], None]) -> None:
        """Call ``report`` with what is wrong with the instance on ``port``, or None."""

        def run() -> None:
            watch = Stopwatch()
            problem = self._problem(port)
            result = "passed" if problem is None else "failed"
            self._metrics.health_checks.labels(result).observe(watch.seconds())
            report(problem)

        self.run(run)

    def _problem(self, port: int) -> Problem | None:
        try:
            probe.check_health(port, timeout=self._timeout, address=self._address)
        except TimeoutError:
            return Problem(what=f"no answer within {self._timeout:g} s", silent=True)
        except BadAnswer as answer:
            return Problem(what=str(answer), silent=False)
        except OSError as error:
            return Problem(what=type(error).__name__, silent=False)
        except Exception as error:  # unreported, this would have been the last check of it
            log.exception("health check of port %d", port)
            return Problem(what=f"{error!r}", silent=False)
        return None

    def check_deeply(self, port: int, token: str, *, address: str | None = None) -> None:
        """Ask the database of what is on ``port``; see :func:`check_deeply`. Takes time.

        At the ``address``, if it is not where the instances are.
        """
        check_deeply((address or self._address, port), token)

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
                if not serves(process.pid, place, data) or (deep and not knows_us(place, data)):
                    return None
                identity = read_identity(data) if new else None
                if self._operator is not None:
                    self._operator.sign_up(data)
            except UserDataError:
                return None
            return lambda: ready(identity)

        self._clock.run(self._await_ready(process, place, look))

    def introduce(
        self, process: ManagedProcess, port: int, data: Path, name: str, ready: Callable[[], None]
    ) -> None:
        """Name the application of a PocketBase that runs, then call ``ready``; else end it.

        That it takes our token and the settings proves that it serves ``data``.
        """

        def run() -> None:
            now = self._clock.now()
            try:
                token = mint(data, collection=SUPERUSERS, record_id=None, now=now, seconds=60).token
                meta = {"meta": {"appName": name}}
                place, timeout = (self._address, port), self._timeout
                _ask(place, "PATCH", "/api/settings", timeout=timeout, body=meta, token=token)
            except (BadAnswer, OSError, http.client.HTTPException, PblmError):
                log.exception("pid %d, on port %d, cannot be named", process.pid, port)
                process.kill()
            else:
                ready()

        self.run(run)

    def close(self) -> None:
        """End the threads, after the probes under way."""
        self._pool.shutdown(cancel_futures=True)

    async def _await_ready(
        self,
        process: ManagedProcess,
        place: Place,
        look: Callable[[], Callable[[], None] | None],
    ) -> None:
        loop = asyncio.get_running_loop()
        address, port = place
        for pause in pauses():
            await asyncio.sleep(pause)
            if process.exited:
                return
            if probe.listens(port, address):
                # whether it answers, and whether it is ours, at the same time
                found = loop.run_in_executor(self._pool, look)
                answers = await probe.answers(port, address)
                ready = await found
                if answers and ready is not None:
                    ready()
                    return


def pauses() -> Iterator[float]:
    """Yield how long to wait before each look at a starting instance, in seconds."""
    for pause, times in PAUSES:
        yield from itertools.repeat(pause, times)
    yield from itertools.repeat(LAST_PAUSE)
