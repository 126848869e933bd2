"""A house for tests: real actors, a real registry, real locks; the rest is of paper."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pykka
import pytest

from actors import proc
from actors.backups.book import BackupBook
from actors.breaker import FleetBreaker
from actors.clock import FakeClock
from actors.cluster.tenancy import Tenancy
from actors.data.template import Template
from actors.data.userdata import read_identity
from actors.door.routes import Routes
from actors.facts import Asked, HealthProven, Ordered, Recover, ReleasePort
from actors.instance import InstanceActor
from actors.isolation.confinement import Confinement
from actors.isolation.isolation import Isolation
from actors.layout import Layout
from actors.monitor.book import UsageBook
from actors.nursery.seeds import Seeds
from actors.nursery.spares import Spares
from actors.ports import PortRegistry
from actors.records import Record
from actors.replication.replicas import make_replicas
from actors.restart import RestartPolicy
from actors.services import Services
from actors.start_queue import StartQueue
from actors.store import Store
from actors.strays import Strays
from actors.supervisor import Supervisor
from actors.system import as_known
from actors.versions.shelf import Binary, Shelf
from actors.versions.versions import Versions
from bus.answers import Answer, ErrorAnswer, InstanceAnswer
from bus.events import Event, StatusChanged
from bus.instance import Instance
from bus.metrics import Metrics
from bus.requests import GetHealth, GetInstance, InitInstance, Request, StopInstance
from bus.settings import Settings
from bus.states import Status
from tests.actors.fakes import PATIENCE, FakeHealth, FakeProcess, FakeProcesses, make_database

OLD = Binary(digest="0ld", version="0.40.6", path="/opt/pocketbase")
NEW = Binary(digest="2e3", version="0.41.0", path="/opt/pocketbase-new")


class Caller:
    """Somebody who waits for an answer."""

    def __init__(self) -> None:
        self.answers: SimpleQueue[Answer] = SimpleQueue()

    @property
    def waits(self) -> bool:
        """Nothing was answered yet, or it was taken already."""
        return self.answers.empty()

    def answer(self) -> Answer:
        """The answer; there must be one soon."""
        return self.answers.get(timeout=PATIENCE)

    def error(self) -> ErrorAnswer:
        """The error it was refused with."""
        answer = self.answer()
        assert isinstance(answer, ErrorAnswer), answer
        return answer

    def instance(self) -> Instance:
        """The instance it was answered with."""
        answer = self.answer()
        assert isinstance(answer, InstanceAnswer), answer
        assert answer.instance is not None
        return answer.instance


class House:
    """Real actors, a real store and real locks; a fake clock, fake processes, fake probes."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.settings = Settings(
            binary_path="/opt/pocketbase",
            user_dbs_path=root,
            **{"base_port": 20_000, "port_range": 100, "max_starting": 4, "start_queue": 4}
            | settings,
        )
        self.layout = Layout(root=root, control=self.settings.control_path)
        self.layout.prepare()
        self.store = Store(self.layout.registry)
        self.clock = FakeClock()
        self.processes = FakeProcesses()
        self.health = FakeHealth()
        self.events: list[Event] = []
        self.replaced: SimpleQueue[Event] = SimpleQueue()
        self.taken_ports: set[int] = set()
        self.tells = 0
        shelf = Shelf(self.layout)
        self.versions = Versions(shelf, OLD, sys.executable)
        shelf._known |= {binary.digest: binary for binary in (OLD, NEW)}
        self.owners: dict[str, pykka.ActorRef[InstanceActor]] = {}
        """Each user's latest actor."""
        self.tenancy: Tenancy | None = None
        self.hear: Callable[[Event], None] = lambda event: None
        """Is told every event, as a capability is."""
        self.open()

    def open(self) -> None:
        """Start a manager's actors."""
        self.queue = StartQueue(self.settings.max_starting, longest=self.settings.start_queue)
        self.ports = PortRegistry.start(
            self.settings.base_port,
            self.settings.port_range,
            self.clock,
            is_free=self._is_free,
        )
        template = Template(None, self.layout)
        self.services = Services(
            settings=self.settings,
            layout=self.layout,
            store=self.store,
            clock=self.clock,
            ports=self.ports,
            queue=self.queue,
            health=self.health,
            processes=self.processes,
            strays=Strays(self.layout.root, self.processes.is_managed),
            template=template,
            operator=None,
            seeds=Seeds(template),
            spares=Spares(),
            routes=Routes(),
            isolation=Isolation(self.settings, set()),
            usage=UsageBook(),
            kept=BackupBook(),
            metrics=Metrics(),
            confinement=Confinement(self.settings, self.layout),
            replicas=make_replicas(self.settings, self.layout),
            tenancy=self.tenancy,
            publish=self._publish,
            ask=lambda request, reply: self.supervisor.tell(Asked(request=request, reply=reply)),
            order=lambda order, reply: self.supervisor.tell(Ordered(order=order, reply=reply)),
            policy=RestartPolicy(jitter=0.0),
            breaker=FleetBreaker(self.clock.monotonic, lambda: 1_000, lambda count: None),
            versions=self.versions,
        )
        self.supervisor = Supervisor.start(self.services)

    def crash(self) -> None:
        """End the manager without a word, and open the next; processes and registry stay."""
        self._stop_actors()
        self.store.close()
        for process in self.processes.living():
            process.owners = 0
        self.health.waiting.clear()
        self.health.checks.clear()
        passed = self.clock.monotonic()
        self.clock = FakeClock()
        self.clock.advance(passed)
        self.store = Store(self.layout.registry)
        self.open()

    def reopen(self) -> None:
        """Begin with other parts; nothing has happened yet."""
        self._stop_actors()
        self.open()

    def close(self) -> None:
        """End everything."""
        self._stop_actors()
        for process in self.processes.living():
            process.end()
        self.store.close()

    def recover(self) -> None:
        """As the first message to the supervisor of a new manager."""
        self.supervisor.tell(Recover())
        self.settle()

    def ask(self, request: Request) -> Caller:
        """Ask, and let the actors do what they can do without the world."""
        caller = self.ask_at_once(request)
        self.settle()
        return caller

    def ask_at_once(self, request: Request) -> Caller:
        """Ask, and go on."""
        caller = Caller()
        if isinstance(request, GetInstance):
            caller.answers.put(
                as_known(
                    self.store,
                    self.layout,
                    self.services.usage,
                    self.services.kept,
                    request.user_id,
                )
            )
            return caller
        self.supervisor.tell(Asked(request=request, reply=caller.answers.put))
        return caller

    def init(
        self, user_id: str = "alice", *, force_restart: bool = False, wait: bool = True
    ) -> Caller:
        """``init_pb``."""
        return self.ask(InitInstance(user_id=user_id, force_restart=force_restart, wait=wait))

    def stop(self, user_id: str = "alice") -> Caller:
        """``stop_pb``."""
        return self.ask(StopInstance(user_id=user_id))

    def run(self, user_id: str = "alice") -> FakeProcess:
        """Bring the user's instance to Running."""
        caller = self.init(user_id)
        self.ready(user_id)
        assert caller.instance().status is Status.RUNNING
        return self.process(user_id)

    def fail(self, user_id: str = "alice", output: str = "") -> Caller:
        """Have a start of the user's instance fail with ``output``."""
        caller = self.init(user_id)
        self.end(user_id, 1, output)
        return caller

    def ready(self, user_id: str = "alice") -> None:
        """Let the probes of the user's process find it ready, its database made."""
        process = self.process(user_id)
        data = self.layout.data(user_id)
        if not (data / "data.db").exists():
            make_database(data, file=f"of_{user_id}.js", applied=1)
        for waiting in [each for each in self.health.waiting if each[0] is process]:
            self.health.waiting.remove(waiting)
            _, new, ready = waiting
            ready(read_identity(data) if new else None)
        self.settle()

    def end(self, user_id: str = "alice", code: int | None = 0, output: str = "") -> None:
        """Let the user's process exit."""
        self.process(user_id).end(code, output)
        self.settle()

    def advance(self, seconds: float) -> None:
        """Let time pass, stopping at each timer as the world does."""
        end = self.clock.monotonic() + seconds
        while True:
            due = self.clock.due()
            left = end - self.clock.monotonic()
            step = min(left, max(0.0, due[0])) if due else left
            self.clock.advance(step)
            self.settle()
            if step >= left:
                return

    def check(self, problem: str | None, *, silent: bool = True) -> None:
        """Let health checks that are under way come back."""
        self.health.report(problem, silent=silent)
        self.settle()

    def process(self, user_id: str = "alice") -> FakeProcess:
        """The user's living process; there must be exactly one."""
        (process,) = self.processes.living(self.layout.data(user_id))
        return process

    def alive(self, user_id: str = "alice") -> int:
        """How many processes serve the user's directory."""
        return len(self.processes.living(self.layout.data(user_id)))

    def record(self, user_id: str = "alice") -> Record:
        """The user's row."""
        record = self.store.get(user_id)
        assert record is not None
        return record

    def status(self, user_id: str = "alice") -> Status:
        """The user's status."""
        return self.record(user_id).status

    def changes(self, user_id: str = "alice") -> list[Status]:
        """The statuses that were published of the user, in order."""
        return [
            event.status
            for event in self.events
            if isinstance(event, StatusChanged) and event.user_id == user_id
        ]

    def actors(self) -> list[pykka.ActorRef[InstanceActor]]:
        """The instances' actors that live."""
        return pykka.ActorRegistry.get_by_class(InstanceActor)

    def tell_actor(self, message: Any, user_id: str = "alice") -> None:
        """Tell the user's actor something, from the side."""
        self.owners[user_id].tell(message)
        self.settle()

    def settle(self) -> None:
        """Return when no actor has anything left to do.

        A round through all inboxes in which nothing was told proves that they are empty.
        """
        for _ in range(1000):
            told = self.tells
            self._flush(self.supervisor, Asked(request=GetHealth(), reply=lambda answer: None))
            for actor in self.actors():
                self._flush(actor, HealthProven(run=-1))
            self._flush(self.ports, ReleasePort(user_id="nobody"))
            if told == self.tells:
                return
        raise AssertionError("the actors never come to rest")

    def _flush(self, ref: pykka.ActorRef[Any], message: object) -> None:
        # an actor that dies may swallow the question: then it is dead soon enough
        with suppress(pykka.ActorDeadError, pykka.Timeout):
            ref.ask(message, block=False).get(timeout=0.5)

    def _is_free(self, port: int) -> bool:
        listening = {process.port for process in self.processes.living()}
        return port not in self.taken_ports | listening

    def _publish(self, event: Event) -> None:
        self.events.append(event)
        self.hear(event)
        if not isinstance(event, StatusChanged):
            self.replaced.put(event)

    def _stop_actors(self) -> None:
        refs: list[pykka.ActorRef[Any]] = [self.supervisor, *self.actors(), self.ports]
        for ref in refs:
            with suppress(pykka.ActorDeadError):
                ref.stop()
        self.services.turns.close()


@contextmanager
def opened(root: Path, **settings: Any) -> Iterator[House]:
    """Open a house under ``root``, on a machine with none but its own processes."""
    with pytest.MonkeyPatch.context() as patch:
        house = House(root, **settings)
        for name in ("served_directory", "serving", "identify", "executable", "activity"):
            patch.setattr(proc, name, getattr(house.processes, name))
        tell = pykka.ActorRef.tell

        def counted(ref: pykka.ActorRef[Any], message: object) -> None:
            tell(ref, message)
            house.tells += 1  # only now: what was counted can be found in its inbox

        patch.setattr(pykka.ActorRef, "tell", counted)
        start = InstanceActor.start

        def started(user_id: str, *args: Any) -> pykka.ActorRef[InstanceActor]:
            house.owners[user_id] = start(user_id, *args)
            return house.owners[user_id]

        patch.setattr(InstanceActor, "start", started)
        try:
            yield house
        finally:
            house.close()
