"""Publisher: the event socket, and the numbers of events.

A PUB socket that is an XPUB socket: the same on the wire, but it tells of each new subscription.
That is greeted with a heartbeat, so a subscriber knows that its subscription has arrived, and with
which number the events went on.

Whoever publishes sends, from any thread. libzmq lets a socket go from one thread to the next with
a full memory barrier in between, which a lock is (https://libzmq.readthedocs.io/en/latest/zmq.html,
"Thread safety"), and an event is out half a millisecond sooner than through a thread of its own.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import zmq

from bus import codec
from bus.answers import EventsAnswer
from bus.events import Event, Heartbeat
from bus.metrics import Metrics
from bus.requests import GetEvents

MOST_GREETINGS = 100
"""Subscriptions that are greeted before others have their turn at the socket."""
_SUBSCRIBED, _NOT_ANY_MORE = b"\x01", b"\x00"


class Publisher:
    """Owns an XPUB socket that is bound, numbers what goes out and keeps the last of it."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        *,
        epoch: str,
        history: int,
        metrics: Metrics,
        when_subscribed: Callable[[], None],
    ) -> None:
        """``history`` events are kept. ``when_subscribed``: somebody is to be greeted."""
        self._socket = socket
        self._epoch = epoch
        self._metrics = metrics
        self._when_subscribed = when_subscribed
        self._lock = threading.Lock()
        self._history: deque[Any] = deque(maxlen=history)
        self._topics: set[bytes] = set()
        """What is subscribed to: the beginnings of topics, as ZeroMQ takes them."""
        self._seq = 0
        self._closed = False
        self.fd = socket.fileno()
        """Becomes readable when somebody may have subscribed, and says so once only."""

    def publish(self, event: Event) -> None:
        """Number the event and send it to all who listen. Waits for nobody.

        One without a number, which nobody can miss, is not even made unless somebody listens.
        """
        with self._lock:
            if self._closed or not (event.numbered or self._is_wanted(event.topic.encode())):
                return
            self._send(event)
            subscribed = self._is_readable()
        if subscribed:  # to send has taken that in, so the file descriptor does not tell of it
            self._when_subscribed()

    def beat(self) -> None:
        """Send a heartbeat: it shows a subscriber that it has missed the last events."""
        self.publish(Heartbeat(at=datetime.now(UTC)))

    def greet(self) -> bool:
        """Greet who has subscribed; return whether there are more."""
        with self._lock:
            for _ in range(MOST_GREETINGS):
                if self._closed or not self._is_readable():
                    return False
                self._heed(self._socket.recv_multipart()[0])
        return True

    def missed(self, request: GetEvents) -> EventsAnswer:
        """Return what came after a number, if it is still known."""
        with self._lock:
            head, kept = self._seq, list(self._history)
        oldest = kept[0].seq if kept else head + 1
        complete = request.epoch == self._epoch and oldest - 1 <= request.after <= head
        events = kept[request.after - (oldest - 1) :] if complete else []
        if request.epoch == self._epoch:
            self._metrics.events_dropped.inc(max(0, head - request.after))
        return EventsAnswer(epoch=self._epoch, head=head, complete=complete, events=events)

    def close(self) -> None:
        """Let nothing out any more; the socket ends with its context."""
        with self._lock:
            self._closed = True

    def _heed(self, said: bytes) -> None:
        """Take note of a subscription, or that nobody has it any more (zmq_socket(3), XPUB)."""
        what, topic = said[:1], said[1:]
        if what == _SUBSCRIBED:
            self._topics.add(topic)
            self._send(Heartbeat(at=datetime.now(UTC)))
        elif what == _NOT_ANY_MORE:
            self._topics.discard(topic)

    def _is_wanted(self, topic: bytes) -> bool:
        return any(topic.startswith(each) for each in self._topics)

    def _is_readable(self) -> bool:
        return bool(int(self._socket.getsockopt(zmq.EVENTS)) & zmq.POLLIN)

    def _send(self, event: Event) -> None:
        seq = self._seq + event.numbered
        stamped = msgspec.structs.replace(event, epoch=self._epoch, seq=seq)
        frames = [stamped.topic.encode(), codec.encode(stamped)]  # what cannot be is not counted
        self._seq = seq
        if event.numbered:
            self._history.append(stamped)
        self._socket.send_multipart(frames)
        self._metrics.events_published.labels(str(event.__struct_config__.tag)).inc()
