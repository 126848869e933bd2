"""A fleet of any size before a real API and a real live line: only the processes are missing."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from api.app import create_app
from api.live.server import LiveServer
from api.server import ApiServer
from bus.answers import DoorAnswer
from bus.client import BusClient
from bus.door import DoorUse
from bus.events import Event
from bus.hub import Hub, Reply
from bus.requests import GetDoor, GetFleet, Request
from bus.settings import Settings
from bus.states import Status
from tests.api.test_monitor import FLEET
from tests.bus.parts import Mind, instance
from tests.ports import free_ports

NO_DOOR = DoorAnswer(door="off", use=DoorUse(), asleep=0, memory_saved_bytes=None, users={})


class Crowd:
    """A hub whose mind knows very many instances, and the doors to it."""

    def __init__(self, size: int, settings: Settings, stack: ExitStack) -> None:
        self.url = f"http://127.0.0.1:{settings.api_port}"
        self._mind = Mind()
        users = (f"user{number:05}" for number in range(size))
        self._mind.instances = {user: instance(user) for user in users}
        self.silent: list[str] = []
        """Hosts that do not answer; with any, or with :meth:`spread`, it is a cluster."""
        self._hub = Hub(
            command_endpoint=settings.command_endpoint, event_endpoint=settings.event_endpoint
        )
        stack.callback(self._hub.close)
        self._hub.start(self._answer)
        bus = stack.enter_context(BusClient(settings.command_endpoint))
        api = ApiServer(create_app(bus, settings), host="127.0.0.1", port=settings.api_port)
        stack.callback(api.close)
        assert settings.live_port is not None
        live = LiveServer(bus, settings, port=settings.live_port)
        stack.callback(live.close)
        api.start()
        live.start()

    def spread(self, *hosts: str) -> None:
        """Have the instances be on these hosts, in turn."""
        for user_id, host in zip(self._mind.instances, itertools.cycle(hosts)):
            placed = msgspec.structs.replace(instance(user_id), host=host)
            self._mind.instances[user_id] = placed

    def _answer(self, request: Request, reply: Reply) -> None:
        match request:
            case GetFleet():
                reply(msgspec.structs.replace(FLEET, unreachable_hosts=self.silent))
            case GetDoor():
                reply(NO_DOOR)
            case _:
                self._mind(request, reply)

    def stir(self, changes: int) -> None:
        """Have as many instances change, one after the other: fail and run again."""
        users = itertools.cycle(list(self._mind.instances))
        for user in itertools.islice(users, changes // 2):
            self._mind.change(self._hub, user, Status.FAILED)
            self._mind.change(self._hub, user, Status.RUNNING)

    def tell(self, event: Event) -> None:
        """Tell everybody."""
        self._hub.publish(event)

    def fail(self, user_id: str) -> None:
        """Have one of them fail."""
        self._mind.change(self._hub, user_id, Status.FAILED)


@contextmanager
def crowd(size: int) -> Iterator[Crowd]:
    """Open the doors to ``size`` instances."""
    with tempfile.TemporaryDirectory(prefix="pblm", dir="/tmp") as folder, ExitStack() as stack:
        first = free_ports(2)
        settings = Settings(user_dbs_path=Path(folder), api_port=first, live_port=first + 1)
        settings.run_path.mkdir(parents=True)
        yield Crowd(size, settings, stack)
