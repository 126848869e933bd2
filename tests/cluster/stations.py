"""Stations: hosts that speak to each other over real sockets, and agree by a table of paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

import msgspec

from actors.cluster.directory import Host, Place, State
from actors.cluster.exchange import Exchange
from actors.door.routes import Route, Routes
from bus.answers import Answer, HealthAnswer, InstanceAnswer, InstancesAnswer
from bus.errors import PblmError
from bus.events import Event
from bus.instance import Instance
from bus.labels import label_of
from bus.local import Reply
from bus.peers.bus import PeerBus
from bus.peers.keys import KeyPair
from bus.peers.line import Patience
from bus.requests import GetHealth, ListInstances, Request, UserRequest
from tests.bus.parts import NOW, PATIENCE, instance
from tests.house.surroundings import eventually
from tests.ports import free_ports


class Agreement:
    """What all hosts agree on."""

    def __init__(self) -> None:
        self.hosts: dict[str, Host] = {}
        self.places: dict[str, Place] = {}


class PaperDirectory:
    """One host's knowledge of the agreement, which is as old as the test wants it."""

    def __init__(self, host: str, agreed: Agreement) -> None:
        self.host = host
        self.reads = 0
        self.absent = ""
        self.broken: PblmError | None = None
        self._agreed = agreed
        self._hosts: dict[str, Host] = {}
        self._places: dict[str, Place] = {}
        self._changed: Callable[[], None] = lambda: None

    def hosts(self) -> Mapping[str, Host]:
        return self._hosts

    def place(self, user_id: str) -> Place | None:
        return self._places.get(user_id)

    def places(self) -> Mapping[str, Place]:
        return self._places

    def warnings(self) -> Sequence[str]:
        return ["etcd is old"]

    def absence(self) -> str:
        return self.absent

    def labelled(self, label: str) -> str | None:
        return next((user for user in self._places if label_of(user) == label), None)

    def listen(self, changed: Callable[[], None]) -> None:
        self._changed = changed

    def read(self, user_id: str) -> Place | None:
        self.reads += 1
        if self.broken is not None:
            raise self.broken
        return self._agreed.places.get(user_id)

    def look(self) -> None:
        """Hear of everything."""
        self._hosts, self._places = dict(self._agreed.hosts), dict(self._agreed.places)
        self._changed()


class Led(Routes):
    """A door's routes, which tell where it is led."""

    def __init__(self) -> None:
        super().__init__()
        self.led: SimpleQueue[Mapping[str, Route]] = SimpleQueue()

    def lead_elsewhere(self, routes: Mapping[str, Route]) -> None:
        """See :class:`Routes`."""
        self.led.put(routes)


class Station:
    """One host: real sockets, and a mind that has an instance of each of its users."""

    def __init__(self, name: str, agreed: Agreement, patience: Patience) -> None:
        self.name = name
        self.directory = PaperDirectory(name, agreed)
        self.served: list[Request] = []
        self.events: SimpleQueue[Event] = SimpleQueue()
        door = Led()
        self.led = door.led
        self.users: dict[str, Instance] = {}
        keys, port = KeyPair.fresh(), free_ports(2)
        bus, events = f"tcp://127.0.0.1:{port}", f"tcp://127.0.0.1:{port + 1}"
        agreed.hosts[name] = Host(
            bus=bus,
            events=events,
            http=f"http://{name}",
            curve=keys.public,
            capacity=100,
            version="1",
        )
        self.peers = PeerBus(keys=keys, bus=bus, events=events, patience=patience, beat=0.2)
        self.exchange = Exchange(
            cluster="tests",
            directory=self.directory,
            peers=self.peers,
            serve=self.serve,
            publish=self.events.put,
            door=door,
            now=lambda: NOW,
        )

    def serve(self, request: Request, reply: Reply) -> None:
        """Answer what is asked of this host."""
        self.served.append(request)
        reply(self._answer(request))

    def _answer(self, request: Request) -> Answer:
        match request:
            case ListInstances(after=after, limit=limit):
                page = {key: self.users[key] for key in sorted(self.users) if key > after}
                told = dict([*page.items()][:limit])
                more = max(told) if len(page) > limit else None
                return InstancesAnswer(instances=told, total=len(self.users), next=more)
            case GetHealth():
                count = len(self.users)
                return HealthAnswer(total_instances=count, running_instances=count, at=NOW)
            case UserRequest(user_id=user_id):
                return InstanceAnswer(instance=self.users.get(user_id))
        raise AssertionError(request)

    def ask(self, request: Request) -> SimpleQueue[Answer]:
        """Ask this host, and return where the answer will be."""
        box: SimpleQueue[Answer] = SimpleQueue()
        self.exchange.handle(request, box.put)
        return box

    def answer(self, request: Request) -> Answer:
        """Ask this host, and return its answer."""
        return self.ask(request).get(timeout=PATIENCE)

    def about(self, user_id: str) -> list[Request]:
        """Return what was asked of this host's own mind about a user."""
        return [each for each in self.served if getattr(each, "user_id", None) == user_id]

    def until(self, kind: type[Event]) -> Event:
        """Return the next event of a kind that is told to those who listen here."""
        while True:
            event = self.events.get(timeout=PATIENCE)
            if isinstance(event, kind):
                return event


class Cluster:
    """All of them."""

    def __init__(self, names: tuple[str, ...], patience: Patience) -> None:
        self.agreed = Agreement()
        self.stations = {name: Station(name, self.agreed, patience) for name in names}

    def __getitem__(self, name: str) -> Station:
        return self.stations[name]

    def give(self, user_id: str, host: str, *, known: bool = True) -> None:
        """Have the user be the host's; others hear of it at once, or not yet."""
        former = self.agreed.places.get(user_id)
        epoch = 1 if former is None else former.epoch + 1
        for station in self.stations.values():
            station.users.pop(user_id, None)
        self.agreed.places[user_id] = Place(
            host=host, incarnation=1, epoch=epoch, state=State.RUNNING
        )
        self.stations[host].users[user_id] = msgspec.structs.replace(instance(user_id), host=host)
        self.stations[host].directory.look()
        if known:
            self.look()

    def lose(self, host: str) -> None:
        """Have a host vanish from among the hosts, which all hear of."""
        del self.agreed.hosts[host]
        self.look()

    def all_hear(self) -> bool:
        """Whether each host hears all others, and is answered by them: two sockets each."""
        names = set(self.stations)
        return all(
            names - {name} <= {other for other in names if station.peers.hears(other)}
            and _health(station).unreachable_hosts == []
            for name, station in self.stations.items()
        )

    def look(self) -> None:
        """Have all hosts hear of everything."""
        for station in self.stations.values():
            station.directory.look()


def _health(station: Station) -> HealthAnswer:
    answer = station.answer(GetHealth())
    assert isinstance(answer, HealthAnswer)
    return answer


@contextmanager
def cluster(*names: str, patience: Patience | None = None) -> Iterator[Cluster]:
    """Open hosts that know each other."""
    with ExitStack() as stack:
        made = Cluster(names, patience or Patience(silent=60.0, taken=60.0))
        for station in made.stations.values():
            stack.callback(station.exchange.close)
            station.exchange.start()
        made.look()
        eventually(made.all_hear, "all hosts hear each other")
        yield made
