"""PeerBus: the one thread that owns the sockets between this host and the others."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import msgspec
import zmq

from bus import codec, trace
from bus.answers import Answer, ErrorAnswer
from bus.bell import Bell
from bus.errors import InternalError, PblmError, Unavailable
from bus.events import Event
from bus.peers.feed import KEPT, Feed
from bus.peers.keys import KeyPair
from bus.peers.line import MAX_TURN, Line, Patience, missed, read_beyond
from bus.peers.messages import (
    ANSWER,
    ASK,
    MISSED,
    MOVED,
    TAKEN,
    Answered,
    Call,
    Mind,
    Moved,
    Peer,
    Silence,
)
from bus.peers.once import Once
from bus.peers.sockets import GuestList, serving
from bus.requests import Request

log = logging.getLogger(__name__)


class PeerBus:
    """Calls other hosts and serves them, tells them what happens here and hears what does there."""

    def __init__(
        self,
        *,
        keys: KeyPair,
        bus: str,
        events: str,
        patience: Patience | None = None,
        beat: float = 1.0,
        kept: int = KEPT,
    ) -> None:
        """Bind ``bus`` and ``events``; raise :class:`Unavailable` when that cannot be done.

        ``beat`` is in seconds; ``kept`` events are kept for those who miss some.
        """
        self._keys = keys
        self._patience = patience or Patience()
        self._beat = beat
        self._feed = Feed(kept)
        self._once = Once()
        self._peers: dict[str, Peer] = {}
        self._lines: dict[str, Line] = {}
        self._tasks: deque[Callable[[], None]] = deque()
        self._bell = Bell()
        self._closing = threading.Event()
        self._mind = Mind()
        self._thread: threading.Thread | None = None
        self._context = zmq.Context()
        self._guests = GuestList(self._context, self.knows)
        try:
            self._router = serving(self._context, zmq.ROUTER, keys, bus)
            self._events = serving(self._context, zmq.XPUB, keys, events)
        except Unavailable:
            self._release()
            raise

    @property
    def key(self) -> str:
        """The public key of this host, by which the others know it."""
        return self._keys.public

    def start(self, mind: Mind) -> None:
        """Call, serve, tell and hear from now on; ``mind`` answers."""
        self._mind = mind
        self._thread = threading.Thread(target=self._run, name="peers")
        self._thread.start()

    def meet(self, peers: Iterable[Peer]) -> None:
        """These are the other hosts now. From any thread; nobody else is let in from here on."""
        self._peers = {peer.host: peer for peer in peers}
        self._do(self._follow)

    def knows(self, key: str) -> bool:
        """Whether a public key is that of another host."""
        return any(peer.curve == key for peer in self._peers.values())

    def hears(self, host: str) -> bool:
        """Whether another host is heard just now. From any thread."""
        line = self._lines.get(host)
        return line is not None and line.connected

    def ask(
        self,
        host: str,
        call: Call,
        request: Request,
        answered: Answered,
        *,
        within: float | None = None,
    ) -> None:
        """Ask another host; ``answered`` is called once, on the thread of the peers.

        From any thread; never waits. With ``within`` it is so many seconds at most, else as long
        as the host says that it has taken it, and is heard.
        """
        self._do(partial(self._ask, host, call, request, answered, within))

    def publish(self, event: Event) -> None:
        """Tell all other hosts an event of this one. From any thread."""
        self._do(lambda: self._events.send_multipart(self._feed.put(event)))

    def close(self) -> None:
        """Close the sockets and end the threads; who waits for an answer is told that none came."""
        self._closing.set()
        self._bell.ring()
        if self._thread is not None:
            self._thread.join()
        elif not self._context.closed:
            self._release()

    def _do(self, task: Callable[[], None]) -> None:
        self._tasks.append(task)
        if threading.current_thread() is not self._thread:  # else it is done before it sleeps
            self._bell.ring()

    def _release(self) -> None:
        for line in self._lines.values():
            line.close()
        self._lines = {}
        self._context.destroy(linger=0)
        self._bell.close()

    def _run(self) -> None:
        beat = time.monotonic()
        try:
            while not self._closing.is_set():
                if time.monotonic() >= beat:
                    self._guarded(self._tell_beat)
                    beat = time.monotonic() + self._beat
                self._turn(beat)
        finally:
            self._release()

    def _turn(self, beat: float) -> None:
        due = min([beat, *(line.due() for line in self._lines.values())])
        ready = dict(self._poller().poll(max(0, round((due - time.monotonic()) * 1000))))
        if self._bell.fileno() in ready:
            self._bell.rest()
        self._do_tasks()
        if self._guests.socket in ready:
            self._guarded(self._guests.answer)
        if self._router in ready:
            self._guarded(self._receive)
        if self._events in ready:
            self._guarded(self._greet)
        for line in list(self._lines.values()):
            self._guarded(partial(self._attend, line, ready))
        self._do_tasks()

    def _poller(self) -> zmq.Poller:
        poller = zmq.Poller()
        for source in (self._router, self._events, self._guests.socket, self._bell.fileno()):
            poller.register(source, zmq.POLLIN)
        for line in self._lines.values():
            poller.register(line.calls, line.wishes)
            poller.register(line.events, zmq.POLLIN)
        return poller

    def _attend(self, line: Line, ready: dict[Any, int]) -> None:
        now = time.monotonic()
        if ready.get(line.calls, 0) & zmq.POLLOUT:
            line.flush()
        if ready.get(line.calls, 0) & zmq.POLLIN:
            line.receive(now)
        if line.events in ready:
            line.listen(now)
        line.look(now)

    def _do_tasks(self) -> None:
        while self._tasks:
            self._guarded(self._tasks.popleft())

    def _guarded(self, task: Callable[[], None]) -> None:
        try:
            task()
        except Exception:
            log.exception("peers: a turn failed; going on")

    def _follow(self) -> None:
        """Have a line to each of the peers, and to nobody else."""
        for host, line in list(self._lines.items()):
            if self._peers.get(host) != line.peer:
                del self._lines[host]
                line.close()
        for host, peer in self._peers.items():
            if host not in self._lines:
                self._lines[host] = Line(
                    self._context,
                    peer,
                    keys=self._keys,
                    mind=self._mind,
                    patience=self._patience,
                    now=time.monotonic(),
                )

    def _ask(
        self, host: str, call: Call, request: Request, answered: Answered, within: float | None
    ) -> None:
        line = self._lines.get(host)
        if line is None:
            answered(Silence(reason=f"host {host} is not among the hosts"))
        else:
            line.ask(call, request, answered, now=time.monotonic(), within=within)

    def _tell_beat(self) -> None:
        self._events.send_multipart(self._feed.beat())

    def _greet(self) -> None:
        """A host that begins to listen hears at once how far the story is."""
        for _ in range(MAX_TURN):
            if not self._events.poll(0):
                return
            self._events.recv_multipart()
            self._tell_beat()

    def _receive(self) -> None:
        for _ in range(MAX_TURN):
            try:
                frames = self._router.recv_multipart(zmq.NOBLOCK, copy=False)
            except zmq.Again:
                return
            if not self.knows(frames[-1].get("User-Id")):
                continue  # it came in before its key was taken off the list
            where, rest = [frame.bytes for frame in frames[:2]], [f.bytes for f in frames[2:]]
            if rest[:1] == [MISSED] and len(rest) == 2:
                told = self._feed.missed(read_beyond(rest[1]))
                self._router.send_multipart([*where, *missed(told, self._feed.head)])
            elif rest[:1] == [ASK] and len(rest) >= 3:  # what is behind, only newer ones know
                self._serve(where, rest[1], rest[2])

    def _serve(self, where: list[bytes], beside: bytes, body: bytes) -> None:
        def send(answer: list[bytes]) -> None:
            self._router.send_multipart([*where, *answer])

        send([TAKEN])
        try:
            call, request = msgspec.json.decode(beside, type=Call), codec.decode_request(body)
        except (msgspec.DecodeError, PblmError) as error:
            send([ANSWER, codec.encode(_not_understood(error))])
            return
        if call.key and not self._once.begin(call.key, send, time.monotonic()):
            return

        def reply(answer: Answer | Moved) -> None:
            frames = [MOVED] if isinstance(answer, Moved) else [ANSWER, codec.encode(answer)]
            if call.key:
                keep = not isinstance(answer, Moved)
                self._do(lambda: self._once.end(call.key, frames, keep=keep))
            else:
                self._do(lambda: send(frames))

        try:
            with trace.serving(call.request_id):
                self._mind.serve(call, request, reply)
        except PblmError as error:
            reply(ErrorAnswer.of(error))
        except Exception:
            log.exception("peers: a request failed")
            reply(ErrorAnswer.of(InternalError("The request failed by a bug; see the log")))


def _not_understood(error: Exception) -> ErrorAnswer:
    """Return what a host hears whose request was understood there, or it had not been sent."""
    log.warning("peers: a request of another release is not understood: %s", error)
    return ErrorAnswer.of(Unavailable(f"The host is of another release: {error}", retry_after=60))
