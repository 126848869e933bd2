"""Hosts for tests: real sockets between them, and minds that remember what reaches them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue

from bus.answers import Answer, InstanceAnswer
from bus.events import Event, Origin
from bus.peers.bus import PeerBus
from bus.peers.keys import KeyPair
from bus.peers.line import Patience
from bus.peers.messages import Call, Mind, Outcome, Peer, PeerReply
from bus.requests import AnyRequest, GetInstance, Request
from tests.bus.parts import PATIENCE, instance
from tests.ports import free_ports

LONG = 60.0
"""Seconds of patience that no test waits for."""

Served = tuple[Call, AnyRequest, PeerReply]


class Memory(Mind):
    """Answers what it is told to, and keeps what came."""

    def __init__(self) -> None:
        self.served: SimpleQueue[Served] = SimpleQueue()
        self.heard: SimpleQueue[tuple[Event, Origin]] = SimpleQueue()
        self.news: SimpleQueue[str] = SimpleQueue()
        self.answer: Callable[[AnyRequest], Answer] | None = lambda request: InstanceAnswer(
            instance=instance(request.user_id) if isinstance(request, GetInstance) else None
        )
        """None: it does not answer by itself."""

    def serve(self, call: Call, request: AnyRequest, reply: PeerReply) -> None:
        self.served.put((call, request, reply))
        if self.answer is not None:
            reply(self.answer(request))

    def hear(self, event: Event, origin: Origin) -> None:
        self.heard.put((event, origin))

    def connected(self, host: str) -> None:
        self.news.put(f"+{host}")

    def disconnected(self, host: str, reason: str) -> None:
        self.news.put(f"-{host}")


class Host:
    """One host's end of the bus, not started yet."""

    def __init__(
        self, name: str, *, patience: Patience | None = None, beat: float = 0.2, kept: int = 100
    ) -> None:
        self.name = name
        self.keys = KeyPair.fresh()
        port = free_ports(2)
        self.peer = Peer(
            host=name,
            bus=f"tcp://127.0.0.1:{port}",
            events=f"tcp://127.0.0.1:{port + 1}",
            curve=self.keys.public,
        )
        self.mind = Memory()
        self._patience = patience or Patience(silent=LONG, taken=LONG)
        self._beat, self._kept = beat, kept
        self.bus = self._make()

    def _make(self) -> PeerBus:
        return PeerBus(
            keys=self.keys,
            bus=self.peer.bus,
            events=self.peer.events,
            patience=self._patience,
            beat=self._beat,
            kept=self._kept,
        )

    def start(self) -> None:
        """Serve from now on."""
        self.bus.start(self.mind)

    def restart(self) -> None:
        """End, and live again; nothing is remembered."""
        self.bus.close()
        self.bus = self._make()
        self.start()

    def ask(
        self,
        host: str,
        request: Request | None = None,
        call: Call | None = None,
        within: float | None = None,
    ) -> SimpleQueue[Outcome]:
        """Ask another host, and return where the outcome will be."""
        box: SimpleQueue[Outcome] = SimpleQueue()
        question = request or GetInstance(user_id="alice")
        self.bus.ask(host, call or Call(), question, box.put, within=within)
        return box

    def lose(self, event: Event) -> None:
        """Publish an event that gets lost on the way to everybody."""
        self.bus._do(lambda: [*self.bus._feed.put(event)].clear())

    def get(self, box: SimpleQueue[Outcome]) -> Outcome:
        """Return what comes of a call."""
        return box.get(timeout=PATIENCE)

    def told(self) -> str:
        """Return the next news of another host: +name or -name."""
        return self.mind.news.get(timeout=PATIENCE)


def meet(*hosts: Host) -> None:
    """Have these hosts know each other, and nobody else."""
    for host in hosts:
        host.bus.meet(other.peer for other in hosts if other is not host)


@contextmanager
def hosts(*names: str, patience: Patience | None = None, kept: int = 100) -> Iterator[list[Host]]:
    """Open hosts that know and hear each other."""
    opened = [Host(name, patience=patience, kept=kept) for name in names]
    try:
        for host in opened:
            host.start()
        meet(*opened)
        for host in opened:
            expected = {f"+{other.name}" for other in opened if other is not host}
            assert {host.told() for _ in expected} == expected
        yield opened
    finally:
        for host in opened:
            host.bus.close()
