"""Real parts, small enough for a test: minds for the hub, and a wire that loses on demand."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import NamedTuple

import zmq

from bus import codec
from bus.answers import Answer, HealthAnswer, InstanceAnswer, InstancesAnswer
from bus.errors import PblmError
from bus.events import Heartbeat, StatusChanged, UsageSampled
from bus.hub import Hub, Reply
from bus.instance import Instance
from bus.requests import GetHealth, GetInstance, ListInstances, Request
from bus.states import Desired, Status
from bus.usage import Usage

NOW = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
PATIENCE = 20.0
"""Seconds after which a test gives up on what must come."""
NEVER = 3600.0


class Endpoints(NamedTuple):
    """Where a hub is."""

    command: str
    event: str


def instance(user_id: str = "alice", status: Status = Status.RUNNING) -> Instance:
    """Return an instance as the manager would show it."""
    return Instance(
        user_id=user_id,
        port=9123,
        db_path=f"/dbs/pb_user_{user_id}.db",
        url="http://127.0.0.1:9123",
        status=status,
        created_at=NOW,
        desired=Desired.RUNNING,
        reason="asked by a test",
        pid=4711,
        started_at=NOW,
    )


def changed(user_id: str = "alice", status: Status = Status.RUNNING) -> StatusChanged:
    """Return an event that is not published yet."""
    return StatusChanged(
        at=NOW,
        user_id=user_id,
        old=Status.STARTING,
        status=status,
        reason="asked by a test",
        instance=instance(user_id, status),
    )


def sampled(user_id: str = "alice") -> UsageSampled:
    """Return an event without a number that is not published yet."""
    usage = Usage(sampled_at=NOW, cpu_percent=1.5, cpu_seconds=2.0, memory_bytes=7_000_000)
    return UsageSampled(at=NOW, user_id=user_id, usage=usage)


class Script:
    """A hub's handler that answers each kind of request with its line.

    A line is an answer, an error, or an exception to fail with, or what makes an answer. A request
    without a line is held: its reply waits in ``held`` for the test.
    """

    def __init__(
        self, lines: dict[type[Request], Answer | Exception | Callable[[], Answer]] | None = None
    ) -> None:
        self.lines = lines or {}
        self.requests: SimpleQueue[Request] = SimpleQueue()
        self.held: SimpleQueue[tuple[Request, Reply]] = SimpleQueue()

    def __call__(self, request: Request, reply: Reply) -> None:
        self.requests.put(request)
        line = self.lines.get(type(request))
        if line is None:
            self.held.put((request, reply))
        elif isinstance(line, Exception):
            raise line
        else:
            reply(line if isinstance(line, Answer) else line())


class Mind:
    """A hub's handler that knows some instances; what it cannot answer it holds."""

    def __init__(self, page: int = 1_000) -> None:
        self.instances: dict[str, Instance] = {}
        self.refusals: list[PblmError] = []
        self.held: SimpleQueue[tuple[Request, Reply]] = SimpleQueue()
        self._page = page

    def change(self, hub: Hub, user_id: str, status: Status = Status.RUNNING) -> None:
        """Change a status as an owner does: first what is known, then the event."""
        self.instances[user_id] = instance(user_id, status)
        hub.publish(changed(user_id, status))

    def __call__(self, request: Request, reply: Reply) -> None:
        if self.refusals:
            raise self.refusals.pop()
        match request:
            case GetInstance(user_id=user_id):
                reply(InstanceAnswer(instance=self.instances.get(user_id)))
            case ListInstances(after=after):
                reply(self._list(after))
            case GetHealth():
                total = len(self.instances)
                reply(HealthAnswer(total_instances=total, running_instances=total, at=NOW))
            case _:
                self.held.put((request, reply))

    def _list(self, after: str) -> InstancesAnswer:
        ids = sorted(user_id for user_id in self.instances if user_id > after)
        page = ids[: self._page]
        return InstancesAnswer(
            instances={user_id: self.instances[user_id] for user_id in page},
            total=len(self.instances),
            next=page[-1] if len(ids) > len(page) else None,
        )


class Wire:
    """The way of events from a hub to a subscriber, in the hand of a test."""

    def __init__(self, hub_endpoint: str, endpoint: str) -> None:
        self._context = zmq.Context()
        self._out = self._context.socket(zmq.XPUB)
        self._out.bind(endpoint)
        self._hub = self._context.socket(zmq.SUB)
        self._hub.subscribe(b"")
        self._hub.connect(hub_endpoint)
        self.lose()  # the greeting: from now on everything arrives

    def await_subscriber(self) -> None:
        """Return when a subscriber's subscriptions have arrived."""
        missing = {b"\x01instance.", b"\x01hub."}
        while missing:
            assert self._out.poll(round(PATIENCE * 1000))
            missing.discard(self._out.recv())

    def lose(self, count: int = 1) -> None:
        """Swallow the next messages of the hub."""
        for _ in range(count):
            self._next()

    def pass_on(self, count: int = 1, *, times: int = 1) -> None:
        """Let the next messages of the hub through, each ``times`` times."""
        for _ in range(count):
            frames = self._next()
            for _ in range(times):
                self.send(*frames)

    def beat(self, epoch: str, seq: int) -> None:
        """Send a heartbeat."""
        self.send(b"hub.heartbeat", codec.encode(Heartbeat(epoch=epoch, seq=seq, at=NOW)))

    def send(self, *frames: bytes) -> None:
        """Send anything."""
        self._out.send_multipart(list(frames))

    def _next(self) -> list[bytes]:
        assert self._hub.poll(round(PATIENCE * 1000))
        return self._hub.recv_multipart()

    def close(self) -> None:
        """Close the sockets."""
        self._context.destroy(linger=0)
