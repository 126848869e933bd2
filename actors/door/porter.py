"""Porter: keeps the door's process running, and its routes right.

It alone speaks to the door. The conversation takes a fraction of a millisecond; whoever tells the
porter something never waits for it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

import msgspec
import pykka

from actors.capability import end
from actors.door.book import DoorBook
from actors.door.engines import Engine
from actors.door.routes import Busy, DoorActivity, Ports, Route
from actors.proc import ExitStatus, ProcessIdentity
from actors.process import ManagedProcess
from actors.services import Services
from actors.telling import tell
from bus.errors import PblmError
from bus.labels import label_of

SETTLE = 0.005
"""Seconds after which whoever had found a route has been counted."""
POLL = 0.02
"""Seconds between two looks whether the door is up."""
COUNT = 10.0
"""Seconds between two counts of the requests."""
LONGEST_START = 10.0
LONGEST_END = 3.0
"""Seconds that the door gets to come up, and to end."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 30.0
"""Seconds until the door is started again: twice as long after each failure in a row."""

log = logging.getLogger(__name__)


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """A door's process, for the next manager."""

    pid: int
    start_ticks: int
    boot_id: str
    digest: str


class Begin(msgspec.Struct, frozen=True, kw_only=True):
    """Go on with the door of a former manager, or start one."""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A route is there."""

    label: str
    route: Route


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """There are instances on these hosts, and nowhere else."""

    hosts: Mapping[str, Ports]


class Closed(msgspec.Struct, frozen=True, kw_only=True):
    """A route is there no more."""

    label: str


class Shut(msgspec.Struct, frozen=True, kw_only=True):
    """A route is there no more, and somebody wants to know who is inside."""

    user_id: str
    report: Callable[[Busy], None]


class InsideDue(msgspec.Struct, frozen=True, kw_only=True):
    """Whoever had found the route has been counted by now."""

    user_id: str
    report: Callable[[Busy], None]


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wants to know what was asked for lately."""

    report: Callable[[Mapping[str, DoorActivity]], None]


class LookDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to look whether the door is up."""


class CountDue(msgspec.Struct, frozen=True, kw_only=True):
    """It is time to see how much was asked for."""


class StartDue(msgspec.Struct, frozen=True, kw_only=True):
    """The pause after a failure is over."""


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """The door's process is gone."""

    pid: int
    status: ExitStatus


class Porter(pykka.ThreadingActor):
    """Owns the door's process. Nobody else's."""

    def __init__(
        self,
        services: Services,
        engine: Engine,
        book: DoorBook,
        owned: Callable[[int | None], None],
    ) -> None:
        """``owned`` is told the pid of the door's process, or None, whenever that changes."""
        super().__init__()
        self._book = book
        self._owned = owned
        self._services = services
        self._engine = engine
        self._memory = services.settings.door_path / "door.json"
        self._process: ManagedProcess | None = None
        self._up = False
        self._started = 0.0
        self._failures = 0

    def on_receive(self, message: object) -> None:
        """Take news of a route, or of the process."""
        try:
            self._receive(message)
        except OSError as error:
            log.error("the door does not answer: %s", error)
            self._give_up_on(message)

    def _receive(self, message: object) -> None:
        match message:
            case Begin():
                self._begin()
            case Opened(label=label, route=route) if self._up:
                self._engine.put(label, route)
            case Closed(label=label) if self._up:
                self._engine.remove(label)
            case Bound(hosts=hosts) if self._up:
                self._engine.bound(hosts)
            case Opened() | Closed() | Bound():
                pass  # the door is told everything when it is up
            case Shut(user_id=user_id, report=report):
                self._shut(user_id, report)
            case InsideDue(user_id=user_id, report=report):
                report(self._inside(user_id) if self._up else None)
            case Sampled(report=report):
                report(self._sample())
            case CountDue():
                self._sample()
                self._later(COUNT, CountDue())
            case LookDue():
                self._look()
            case StartDue():
                self._start()
            case Ended(pid=pid, status=status):
                self._ended(pid, status)
            case _:
                log.error("porter: not understood: %r", message)

    def _give_up_on(self, message: object) -> None:
        """Routes that the door does not take are as good as wrong ones: it is started anew."""
        match message:
            case Shut(report=report) | InsideDue(report=report):
                report("the door does not say who is inside")
            case Sampled(report=report):
                report({})
        self._up = False
        if self._process is not None:
            self._process.kill()
        else:
            self._later(FIRST_PAUSE, StartDue())

    def _begin(self) -> None:
        found = self._find_former()
        if found is None:
            self._start()
            return
        process, same = found
        self._own(process)
        if same and self._engine.answers():
            log.info("%s of a former manager goes on: pid %d", self._engine.name, process.pid)
            self._now_up()
        else:
            process.terminate()  # another one follows its end

    def _find_former(self) -> tuple[ManagedProcess, bool] | None:
        try:
            former = msgspec.json.decode(self._memory.read_bytes(), type=Remembered)
        except (OSError, msgspec.DecodeError):
            return None
        identity = ProcessIdentity(
            pid=former.pid, start_ticks=former.start_ticks, boot_id=former.boot_id
        )
        process = self._services.processes.adopt(identity, self._engine.log)
        return None if process is None else (process, former.digest == self._engine.digest)

    def _start(self) -> None:
        if self._process is not None:
            return
        try:
            spec = self._engine.launch(self._routes(), self._services.routes.hosts())
            process = self._services.processes.spawn(spec)
        except (OSError, PblmError) as error:
            log.error("%s cannot be started: %s", self._engine.name, error)
            self._retry()
            return
        identity = process.identity
        memory = Remembered(
            pid=identity.pid,
            start_ticks=identity.start_ticks,
            boot_id=identity.boot_id,
            digest=self._engine.digest,
        )
        self._memory.write_bytes(msgspec.json.encode(memory))
        self._started = self._services.clock.monotonic()
        self._own(process)
        self._look()

    def _own(self, process: ManagedProcess) -> None:
        self._process = process
        self._owned(process.pid)
        process.watch(lambda status: self.tell(Ended(pid=process.pid, status=status)))

    def _look(self) -> None:
        if self._process is None or self._up:
            return
        if self._engine.answers():
            self._now_up()
        elif self._services.clock.monotonic() - self._started > LONGEST_START:
            log.error("%s does not come up: killed", self._engine.name)
            self._process.kill()
        else:
            self._later(POLL, LookDue())

    def _now_up(self) -> None:
        self._engine.bound(self._services.routes.hosts())
        self._engine.replace(self._routes())
        self._up = True
        self._failures = 0
        assert self._process is not None
        log.info("%s is up: pid %d", self._engine.name, self._process.pid)

    def _ended(self, pid: int, status: ExitStatus) -> None:
        if self._process is None or self._process.pid != pid:
            return
        output = self._process.last_output()
        self._owned(None)
        self._process, was_up, self._up = None, self._up, False
        log.error("%s %s: %s", self._engine.name, status, output[-1000:] or "it wrote nothing")
        if was_up:
            self._start()
        else:
            self._retry()

    def _retry(self) -> None:
        self._failures += 1
        self._later(min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._failures), StartDue())

    def _shut(self, user_id: str, report: Callable[[Busy], None]) -> None:
        if not self._up:
            report(None)
            return
        self._engine.remove(label_of(user_id))
        self._later(SETTLE, InsideDue(user_id=user_id, report=report))

    def _inside(self, user_id: str) -> Busy:
        label = label_of(user_id)
        seen = self._engine.activity([label]).get(label)
        if seen is None:
            return None
        self._book.count(user_id, seen.counted)
        return f"{seen.running} requests are under way" if seen.running else None

    def _sample(self) -> dict[str, DoorActivity]:
        if not self._up:
            return {}
        users = {label_of(user_id): user_id for user_id in self._services.routes.ports()}
        seen = self._engine.activity(users)
        for label in seen:
            self._book.count(users[label], seen[label].counted)
        return {users[label]: seen[label] for label in seen}

    def _routes(self) -> dict[str, Route]:
        routes = self._services.routes.all()
        return {label_of(user_id): route for user_id, route in routes.items()}

    def _later(self, delay: float, message: object) -> None:
        self._services.clock.call_later(delay, lambda: self.tell(message))

    def tell(self, message: object) -> None:
        """Tell this actor, from any thread; nothing when it has ended."""
        tell(self.actor_ref, message)

    def on_stop(self) -> None:
        """End the door, unless it is to go on without a manager."""
        process, self._process = self._process, None
        if process is None or self._services.settings.on_exit == "keep":
            return
        gone = threading.Event()
        process.watch(lambda status: gone.set())
        process.terminate()
        if not gone.wait(LONGEST_END):
            process.kill()
            gone.wait(LONGEST_END)
        self._engine.clean_up()
        self._memory.unlink(missing_ok=True)


class PorterDoor:
    """The porter as everybody else knows it: told, never waited for."""

    def __init__(self, services: Services, engine: Engine, book: DoorBook) -> None:
        self._pid: int | None = None
        self._counts = engine.counts
        self._porter = Porter.start(services, engine, book, self._own)
        self._porter.tell(Begin())
        if engine.counts:
            self._porter.tell(CountDue())

    def opened(self, user_id: str, route: Route) -> None:
        """Requests for the user go there from now on."""
        self._tell(Opened(label=label_of(user_id), route=route))

    def bound(self, hosts: Mapping[str, Ports]) -> None:
        """There are instances on these hosts, and nowhere else."""
        self._tell(Bound(hosts=dict(hosts)))

    def closed(self, user_id: str) -> None:
        """Nothing answers for the user."""
        self._tell(Closed(label=label_of(user_id)))

    def shut(self, user_id: str, report: Callable[[Busy], None]) -> None:
        """Nobody new comes in; ``report`` who is inside."""
        if not self._tell(Shut(user_id=user_id, report=report)):
            report(None)

    def sample(self, report: Callable[[Mapping[str, DoorActivity]], None]) -> None:
        """Report what is known of all users' requests."""
        if not self._tell(Sampled(report=report)):
            report({})

    def pids(self) -> tuple[int, ...]:
        """The door's processes, if they count themselves who is inside."""
        return () if self._pid is None or not self._counts else (self._pid,)

    def close(self) -> None:
        """End the porter, and the door unless it is to go on."""
        end(self._porter)

    def _own(self, pid: int | None) -> None:
        self._pid = pid

    def _tell(self, message: object) -> bool:
        try:
            self._porter.tell(message)
        except pykka.ActorDeadError:
            return False
        return True
