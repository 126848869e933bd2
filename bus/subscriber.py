"""The public library for status events: the whole story, whatever was missed on the way."""

from __future__ import annotations

import contextlib
import logging
import os
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
from bus.events import Event, Heartbeat, HostConnected, InstanceEvent, ManagerEvent, UsageSampled
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
    unreachable_hosts: list[str] = []
    """In a cluster: the hosts whose instances are not among them, as they did not answer."""


Update = Snapshot | InstanceEvent | ManagerEvent | UsageSampled | Heartbeat


class Subscriber:
    """An iterator over a :class:`Snapshot` and the events after it, without holes.

    ZeroMQ drops messages without a word: before a subscription has arrived, when a subscriber is
    slow, while the manager restarts. The subscriber sees the hole in the numbers, asks the
    command socket for what it missed, and gets the events, or another snapshot.

    Not for sharing between threads, but for :meth:`interrupt`.
    """

    def __init__(
        self,
        *,
        event_endpoint: str,
        command_endpoint: str,
        user_id: str | None = None,
        usage: bool = False,
        timeout: float = 5.0,
        heartbeats: bool = False,
    ) -> None:
        """``user_id`` narrows it to one user; with ``usage`` it is told what is measured, too.

        ``timeout`` is what the command socket is given for each answer, in seconds. With
        ``heartbeats`` those of the bus are among the updates: once a second, proof that nothing
        has happened and not that nobody speaks.
        """
        self._user_id = user_id
        self._heartbeats = heartbeats
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
        self._interrupted, self._interrupting = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._poller = zmq.Poller()
        self._poller.register(self._socket, zmq.POLLIN)
        self._poller.register(self._interrupted, zmq.POLLIN)

    def receive(self, timeout: float | None = None) -> Update | None:
        """Return what comes next, or None when nothing came within ``timeout`` seconds.

        None too when it was interrupted. Catching up may take it longer, by the time that the
        command socket is given.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        while not self._pending:
            left = None if deadline is None else max(0, round((deadline - time.monotonic()) * 1000))
            ready = dict(self._poller.poll(left))
            if self._interrupted in ready:
                os.read(self._interrupted, 4096)
                return None
            if not ready:
                return None
            self._take(self._socket.recv_multipart())
        return self._pending.popleft()

    def interrupt(self) -> None:
        """Have :meth:`receive` return None: the one that waits, or the next that would.

        For any thread, and before :meth:`close`.
        """
        with contextlib.suppress(BlockingIOError):  # full of interruptions already
            os.write(self._interrupting, b"\0")

    def __iter__(self) -> Iterator[Update]:
        while True:
            update = self.receive()
            if update is not None:
                yield update

    def close(self) -> None:
        """Close the sockets."""
        if self._socket.closed:
            return
        self._client.close()
        self._context.destroy(linger=0)
        os.close(self._interrupted)
        os.close(self._interrupting)

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
            elif event.seq == expected:
                self._deliver(event)
                if isinstance(event, HostConnected):
                    self._begin_anew()
            if isinstance(event, UsageSampled) and self._user_id in (None, event.user_id):
                self._pending.append(event)
        except Unavailable as error:
            log.warning("cannot catch up yet, trying again at the next heartbeat: %s", error)
        except PblmError as error:
            log.warning("cannot catch up: %s", error)

    def _deliver(self, event: Event) -> None:
        self._seq = event.seq
        match event:
            case Heartbeat() if self._heartbeats:
                self._pending.append(event)
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
        instances, unreachable = whole_fleet(self._client)
        if self._user_id is not None:
            instances = {key: each for key, each in instances.items() if key == self._user_id}
        self._epoch, self._seq = head.epoch, head.head
        self._pending.append(
            Snapshot(
                epoch=head.epoch,
                seq=head.head,
                instances=instances,
                unreachable_hosts=unreachable,
            )
        )


def all_instances(client: BusClient, *, usage: bool = False) -> dict[str, Instance]:
    """Ask for all instances, page by page; one that changes meanwhile is as before or after.

    With ``usage`` each tells what it takes of the machine.
    """
    return whole_fleet(client, usage=usage)[0]


def whole_fleet(client: BusClient, *, usage: bool = False) -> tuple[dict[str, Instance], list[str]]:
    """As :func:`all_instances`; with it the hosts of a cluster that did not answer for theirs."""
    instances: dict[str, Instance] = {}
    unreachable: set[str] = set()
    after: str | None = ""
    while after is not None:
        page = client.ask(ListInstances(after=after, usage=usage), InstancesAnswer)
        instances.update(page.instances)
        unreachable.update(page.unreachable_hosts or ())
        after = page.next
    return instances, sorted(unreachable)
