"""The public library for status events: the whole story, whatever was missed on the way."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterator
from types import TracebackType

import msgspec
import zmq

from bus import codec
from bus.answers import EventsAnswer, InstancesAnswer
from bus.client import BusClient
from bus.errors import PblmError, Unavailable
from bus.events import Event, InstanceEvent, ManagerEvent, UsageSampled
from bus.instance import Instance
from bus.requests import GetEvents, ListInstances

log = logging.getLogger(__name__)


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """All instances at one moment: where the story begins, or begins anew after a hole.

    Events that follow may already be contained in it; each carries its whole instance, so
    replacing what one knows by what comes is always right.
    """

    epoch: str
    seq: int
    instances: dict[str, Instance]


Update = Snapshot | InstanceEvent | ManagerEvent | UsageSampled


class Subscriber:
    """An iterator over a :class:`Snapshot` and the events after it, without holes.

    ZeroMQ drops messages without a word: before a subscription has arrived, when a subscriber is
    slow, while the manager restarts. The subscriber sees the hole in the numbers, asks the
    command socket for what it missed, and gets the events, or another snapshot.

    Not for sharing between threads.
    """

    def __init__(
        self,
        *,
        event_endpoint: str,
        command_endpoint: str,
        user_id: str | None = None,
        usage: bool = False,
        timeout: float = 5.0,
    ) -> None:
        """``user_id`` narrows it to one user; with ``usage`` it is told what is measured, too.

        ``timeout`` is what the command socket is given for each answer, in seconds.
        """
        self._user_id = user_id
        self._epoch = ""
        self._seq = 0
        self._pending: deque[Update] = deque()
        self._client = BusClient(command_endpoint, timeout=timeout)
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.SUB)
        self._socket.linger = 0
        self._socket.reconnect_ivl = 20
        self._socket.reconnect_ivl_max = 500
        # All users' events, whatever is asked for: only then does a hole in the numbers show.
        self._socket.subscribe(b"instance.")
        self._socket.subscribe(b"manager.")
        self._socket.subscribe(b"hub.")
        if usage:
            self._socket.subscribe(b"usage." if user_id is None else f"usage.{user_id}.".encode())
        self._socket.connect(event_endpoint)

    def receive(self, timeout: float | None = None) -> Update | None:
        """Return what comes next, or None when nothing came within ``timeout`` seconds.

        Catching up may take it longer, by the time that the command socket is given.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._pending:
            left = None if deadline is None else max(0, round((deadline - time.monotonic()) * 1000))
            if not self._socket.poll(left):
                return None
            self._take(self._socket.recv_multipart())
        return self._pending.popleft()

    def __iter__(self) -> Iterator[Update]:
        while True:
            update = self.receive()
            if update is not None:
                yield update

    def close(self) -> None:
        """Close the sockets."""
        self._client.close()
        self._context.destroy(linger=0)

    def __enter__(self) -> Subscriber:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _take(self, frames: list[bytes]) -> None:
        try:
            event = codec.decode_event(frames[-1])
            expected = self._seq + event.numbered
            if event.epoch != self._epoch:
                self._begin_anew()
            elif event.seq > expected:
                self._catch_up()
            elif event.seq == self._seq + 1:
                self._deliver(event)
            if isinstance(event, UsageSampled) and self._user_id in (None, event.user_id):
                self._pending.append(event)
        except Unavailable as error:
            log.warning("cannot catch up yet, trying again at the next heartbeat: %s", error)
        except PblmError as error:
            log.warning("cannot catch up: %s", error)

    def _deliver(self, event: Event) -> None:
        self._seq = event.seq
        match event:
            case InstanceEvent(user_id=user_id) if self._user_id in (None, user_id):
                self._pending.append(event)
            case ManagerEvent() if self._user_id is None:
                self._pending.append(event)

    def _catch_up(self) -> None:
        missed = self._client.ask(GetEvents(epoch=self._epoch, after=self._seq), EventsAnswer)
        if not missed.complete:
            self._begin_anew()
            return
        for event in missed.events:
            self._deliver(event)

    def _begin_anew(self) -> None:
        head = self._client.ask(GetEvents(epoch="", after=0), EventsAnswer)
        instances = self._list()
        self._epoch, self._seq = head.epoch, head.head
        self._pending.append(Snapshot(epoch=head.epoch, seq=head.head, instances=instances))

    def _list(self) -> dict[str, Instance]:
        instances: dict[str, Instance] = {}
        after: str | None = ""
        while after is not None:
            page = self._client.ask(ListInstances(after=after), InstancesAnswer)
            instances.update(page.instances)
            after = page.next
        if self._user_id is None:
            return instances
        return {key: value for key, value in instances.items() if key == self._user_id}
