"""The hub: the manager's two sockets, for commands and for events.

Requests come in on a ROUTER socket, which one thread owns, and are handed to one handler; the
answers come back from any thread, through a queue. Events go out through the
:class:`~bus.publisher.Publisher`; the thread sends a heartbeat once a second beside them, and
greets who subscribes.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from pathlib import Path

import zmq

from bus import codec, trace
from bus.answers import Answer, ErrorAnswer
from bus.bell import Bell
from bus.claim import Claim
from bus.client import BusClient
from bus.errors import InternalError, PblmError, Unavailable
from bus.events import Event
from bus.local import Handler, LocalClient, Reply
from bus.metrics import Metrics
from bus.publisher import Publisher
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
        self._heartbeat = heartbeat
        self._outbox: deque[tuple[bytes, ...]] = deque()
        self._metrics.bus_outbox.set_function(lambda: len(self._outbox))
        self._bell = Bell()
        self._closing = threading.Event()
        self._handler: Handler = _nobody_home
        self._thread: threading.Thread | None = None
        self._context = zmq.Context()
        self._bound: list[str] = []
        self._claims: list[Claim] = []
        try:
            self._router = self._bind(zmq.ROUTER, command_endpoint, "PB_COMMAND_ENDPOINT")
            self._router.bind(LOCAL_ENDPOINT)
            events = self._bind(zmq.XPUB, event_endpoint, "PB_EVENT_ENDPOINT")
        except PblmError:
            self._release()
            raise
        self._publisher = Publisher(
            events,
            epoch=self.epoch,
            history=history,
            metrics=self._metrics,
            when_subscribed=self._bell.ring,
        )

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
        self._publisher.publish(event)

    def close(self) -> None:
        """Send what is still to be sent, close the sockets and end the thread."""
        self._closing.set()
        self._bell.ring()
        if self._thread is not None:
            self._thread.join()
        else:
            self._publisher.close()
            self._release()

    def _release(self) -> None:
        if self._context.closed:
            return
        self._context.destroy(linger=200)
        for endpoint in self._bound:
            if endpoint.startswith("ipc://"):
                Path(endpoint.removeprefix("ipc://")).unlink(missing_ok=True)
        for claim in self._claims:
            claim.close()
        self._bell.close()

    def _send(self, item: tuple[bytes, ...]) -> None:
        self._outbox.append(item)
        if threading.current_thread() is not self._thread:  # else it is sent before it sleeps
            self._bell.ring()

    def _run(self) -> None:
        poller = zmq.Poller()
        for source in (self._router, self._publisher.fd, self._bell.fileno()):
            poller.register(source, zmq.POLLIN)
        beat = time.monotonic() + self._heartbeat
        try:
            while not self._closing.is_set():
                ready = dict(poller.poll(max(0, round((beat - time.monotonic()) * 1000))))
                self._turn(ready)
                if time.monotonic() >= beat:
                    self._publisher.beat()
                    beat = time.monotonic() + self._heartbeat
            self._flush()
        finally:
            self._publisher.close()
            self._release()

    def _turn(self, ready: dict[object, int]) -> None:
        try:
            if self._bell.fileno() in ready:
                self._bell.rest()
            self._flush()
            if self._router in ready:
                self._receive()
            if self._publisher.greet():
                self._bell.ring()
            self._flush()
        except Exception:
            log.exception("hub: a turn failed; going on")

    def _flush(self) -> None:
        while self._outbox:
            self._router.send_multipart(self._outbox.popleft())

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
                reply(self._publisher.missed(request))
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


def _request_id(frames: list[bytes]) -> str:
    """Return the id that a caller sent: behind its own address and its correlation id."""
    text = frames[2].decode("ascii", "replace") if len(frames) > 2 else ""
    return text if trace.is_sane(text) else ""


def _nobody_home(request: Request, reply: Reply) -> None:
    raise Unavailable("The manager is not up yet", retry_after=1)
