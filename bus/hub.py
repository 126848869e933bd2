"""The hub: the one thread that owns the server's sockets.

Requests come in on a ROUTER socket and are handed to one handler; the answers come back from any
thread, through a queue. Events go out on a PUB socket, numbered in the order in which they are
published, and the last of them are kept for those who missed some.

The PUB side is an XPUB socket: the same on the wire, but it tells the hub of each new
subscription. The hub greets it with a heartbeat, so a subscriber knows that its subscription has
arrived, and with which number the events went on; the same heartbeat, once a second, shows a
subscriber that it missed the last events.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
import uuid
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import zmq

from bus import codec, trace
from bus.answers import Answer, ErrorAnswer, EventsAnswer
from bus.claim import Claim
from bus.client import BusClient
from bus.errors import InternalError, PblmError, Unavailable
from bus.events import Event, Heartbeat
from bus.local import Handler, LocalClient, Reply
from bus.metrics import Metrics
from bus.requests import GetEvents, Request

__all__ = ["Handler", "Hub", "Reply"]

MAX_MESSAGE = 1024 * 1024
"""ZeroMQ itself hangs up on a peer that sends a larger frame, in bytes."""
MAX_TURN = 100
"""Messages taken from one socket before the others get their turn."""
EVENT_HIGH_WATER_MARK = 100_000
"""Events that wait for one slow subscriber before ZeroMQ drops further ones."""

LOCAL_ENDPOINT = "inproc://commands"
"""Where clients in the same process connect, with the hub's own context: half the way."""

log = logging.getLogger(__name__)


class Hub:
    """Owns the command and the event socket, and the thread that serves them."""

    def __init__(
        self,
        *,
        command_endpoint: str,
        event_endpoint: str,
        history: int = 10_000,
        heartbeat: float = 1.0,
        metrics: Metrics | None = None,
    ) -> None:
        """Bind both sockets; raise :class:`Unavailable` if that cannot be done.

        ``history`` events are kept; a ``heartbeat`` goes out every so many seconds. What happens is
        counted in ``metrics``.
        """
        self.epoch = uuid.uuid4().hex
        self._metrics = metrics or Metrics()
        self._seq = 0
        self._history: deque[Any] = deque(maxlen=history)
        self._heartbeat = heartbeat
        self._outbox: deque[tuple[bytes, ...] | Event] = deque()
        self._metrics.bus_outbox.set_function(lambda: len(self._outbox))
        self._wake_reader, self._wake_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wake_lock = threading.Lock()
        self._released = False
        self._closing = threading.Event()
        self._handler: Handler = _nobody_home
        self._thread: threading.Thread | None = None
        self._context = zmq.Context()
        self._bound: list[str] = []
        self._claims: list[Claim] = []
        try:
            self._router = self._bind(zmq.ROUTER, command_endpoint, "PB_COMMAND_ENDPOINT")
            self._router.bind(LOCAL_ENDPOINT)
            self._events = self._bind(zmq.XPUB, event_endpoint, "PB_EVENT_ENDPOINT")
        except PblmError:
            self._release()
            raise

    def _bind(self, kind: int, endpoint: str, setting: str) -> zmq.Socket[bytes]:
        if endpoint.startswith("ipc://"):
            try:
                self._claims.append(Claim(Path(endpoint.removeprefix("ipc://"))))
            except Unavailable as error:
                raise Unavailable(f"{setting}={endpoint!r}: cannot bind it: {error}") from error
        socket = self._context.socket(kind)
        socket.linger = 0
        socket.maxmsgsize = MAX_MESSAGE
        if kind == zmq.XPUB:
            socket.xpub_verbose = True
            socket.sndhwm = EVENT_HIGH_WATER_MARK
        try:
            socket.bind(endpoint)
            self._bound.append(endpoint)
        except zmq.ZMQError as error:
            reason = zmq.strerror(error.errno or 0)
            raise Unavailable(f"{setting}={endpoint!r}: cannot bind it: {reason}") from error
        return socket

    def client(self) -> BusClient:
        """Return a client in the same process; close it before the hub."""
        return LocalClient(
            LOCAL_ENDPOINT,
            context=self._context,
            handler=lambda: self._handler,
            metrics=self._metrics,
        )

    def start(self, handler: Handler) -> None:
        """Serve from now on.

        ``handler`` is called from several threads, must not block and may answer from any.
        """
        self._handler = self._counting(handler)
        self._thread = threading.Thread(target=self._run, name="hub")
        self._thread.start()

    def publish(self, event: Event) -> None:
        """Number ``event`` and send it to all who listen. From any thread."""
        self._send(event)

    def close(self) -> None:
        """Send what is still to be sent, close the sockets and end the thread."""
        self._closing.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
        else:
            self._release()

    def _release(self) -> None:
        if self._released:
            return
        self._context.destroy(linger=200)
        for endpoint in self._bound:
            if endpoint.startswith("ipc://"):
                Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)
        for claim in self._claims:
            claim.close()
        with self._wake_lock:  # a late answer must not write into a file that took the number
            self._released = True
            os.close(self._wake_reader)
            os.close(self._wake_writer)

    def _send(self, item: tuple[bytes, ...] | Event) -> None:
        self._outbox.append(item)
        if threading.current_thread() is not self._thread:  # else it is sent before it sleeps
            self._wake()

    def _wake(self) -> None:
        with self._wake_lock, contextlib.suppress(BlockingIOError):  # full of wake-ups already
            if not self._released:
                os.write(self._wake_writer, b"\0")

    def _run(self) -> None:
        poller = zmq.Poller()
        for source in (self._router, self._events, self._wake_reader):
            poller.register(source, zmq.POLLIN)
        beat = time.monotonic() + self._heartbeat
        try:
            while not self._closing.is_set():
                ready = dict(poller.poll(max(0, round((beat - time.monotonic()) * 1000))))
                self._turn(ready)
                if time.monotonic() >= beat:
                    self._publish_now(self._beat())
                    beat = time.monotonic() + self._heartbeat
            self._flush()
        finally:
            self._release()

    def _turn(self, ready: dict[object, int]) -> None:
        try:
            if self._wake_reader in ready:
                os.read(self._wake_reader, 4096)
            self._flush()
            if self._router in ready:
                self._receive()
            if self._events in ready:
                self._greet()
            self._flush()
        except Exception:
            log.exception("hub: a turn failed; going on")

    def _flush(self) -> None:
        while self._outbox:
            item = self._outbox.popleft()
            if isinstance(item, Event):
                self._publish_now(item)
            else:
                self._router.send_multipart(item)

    def _publish_now(self, event: Event) -> None:
        self._seq += event.numbered
        stamped = msgspec.structs.replace(event, epoch=self.epoch, seq=self._seq)
        if event.numbered:
            self._history.append(stamped)
        self._events.send_multipart([stamped.topic.encode(), codec.encode(stamped)])
        self._metrics.events_published.labels(str(event.__struct_config__.tag)).inc()

    def _beat(self) -> Heartbeat:
        return Heartbeat(at=datetime.now(UTC))

    def _greet(self) -> None:
        for _ in range(MAX_TURN):
            if not self._events.poll(0):
                return
            if self._events.recv_multipart()[0].startswith(b"\x01"):
                self._publish_now(self._beat())

    def _receive(self) -> None:
        for _ in range(MAX_TURN):
            try:
                *frames, body = self._router.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            if not 1 <= len(frames) <= 4:
                log.warning("hub: dropped a message of %d frames", len(frames) + 1)
                continue
            self._handle(frames, body)

    def _handle(self, frames: list[bytes], body: bytes) -> None:
        def reply(answer: Answer) -> None:
            self._send((*frames, codec.encode(answer)))

        try:
            request = codec.decode_request(body)
        except PblmError as error:
            self._metrics.bus_refused.inc()
            self._refuse(error, reply)
            return
        try:
            if isinstance(request, GetEvents):
                self._count(request, "ok")
                reply(self._missed(request))
            else:
                with trace.serving(_request_id(frames)):
                    self._handler(request, reply)
        except PblmError as error:
            self._refuse(error, reply)
        except Exception:
            log.exception("hub: the handler failed")
            reply(ErrorAnswer.of(InternalError("The request failed by a bug; see the log")))

    def _refuse(self, error: PblmError, reply: Reply) -> None:
        log.warning("hub: refused a request: %s", error.message)
        reply(ErrorAnswer.of(error))

    def _counting(self, handler: Handler) -> Handler:
        """Return ``handler``, with its answers counted, wherever a request came from."""

        def handle(request: Request, reply: Reply) -> None:
            def counted(answer: Answer) -> None:
                self._count(request, "error" if isinstance(answer, ErrorAnswer) else "ok")
                reply(answer)

            try:
                handler(request, counted)
            except Exception:
                self._count(request, "error")
                raise

        return handle

    def _count(self, request: Request, result: str) -> None:
        self._metrics.bus_requests.labels(type(request).__name__, result).inc()

    def _missed(self, request: GetEvents) -> EventsAnswer:
        oldest = self._history[0].seq if self._history else self._seq + 1
        complete = request.epoch == self.epoch and oldest - 1 <= request.after <= self._seq
        skip = request.after - (oldest - 1)
        events = list(self._history)[skip:] if complete else []
        if request.epoch == self.epoch:
            self._metrics.events_dropped.inc(max(0, self._seq - request.after))
        return EventsAnswer(epoch=self.epoch, head=self._seq, complete=complete, events=events)


def _request_id(frames: list[bytes]) -> str:
    """Return the id that a caller sent: behind its own address and its correlation id."""
    text = frames[2].decode("ascii", "replace") if len(frames) > 2 else ""
    return text if trace.is_sane(text) else ""


def _nobody_home(request: Request, reply: Reply) -> None:
    raise Unavailable("The manager is not up yet", retry_after=1)
