"""Line: one other host, as the thread of the peers knows it: calls to it, and what it tells."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import zmq

from bus import codec
from bus.errors import PblmError
from bus.events import Origin
from bus.peers.hearing import Hearing, Told
from bus.peers.keys import KeyPair
from bus.peers.messages import (
    ANSWER,
    ASK,
    EVENTS,
    MISSED,
    MOVED,
    TAKEN,
    Answered,
    Beyond,
    Call,
    Mark,
    Mind,
    Moved,
    Outcome,
    Peer,
    Silence,
)
from bus.peers.sockets import calling
from bus.requests import Request

MAX_TURN = 200
"""Messages taken from one socket before the others get their turn."""
MOST_STRANGE = 20
"""So many kinds of what is not understood are logged."""

log = logging.getLogger(__name__)


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """How long others are waited for, in seconds."""

    silent: float = 5.0
    """Nothing was heard of a host for so long: it counts as silent."""
    taken: float = 2.0
    """Until a host says that a call has arrived."""
    answered: float = 900.0
    """Until it answers, which a restore may take long for."""


class _Pending(msgspec.Struct):
    answered: Callable[[Outcome | list[bytes]], None]
    due: float
    """When the caller is told that nobody answers."""
    last: float
    """When, at the latest, whatever the other host says."""


class Line:
    """See the module. Lives in one thread; ``now`` is always that of the caller, monotonic."""

    def __init__(
        self,
        context: zmq.Context[Any],
        peer: Peer,
        *,
        keys: KeyPair,
        mind: Mind,
        patience: Patience,
        now: float,
    ) -> None:
        self.peer = peer
        self.connected = False
        self._mind = mind
        self._patience = patience
        self._heard = now
        self._hearing = Hearing()
        self._numbers = itertools.count(1)
        self._pending: dict[bytes, _Pending] = {}
        self._outbox: deque[list[bytes]] = deque()
        self._strange: set[str] = set()
        self.calls = calling(context, zmq.DEALER, keys, peer.bus, peer.curve)
        self.events = calling(context, zmq.SUB, keys, peer.events, peer.curve)

    @property
    def wishes(self) -> int:
        """What the socket of the calls is to be polled for."""
        return zmq.POLLIN | zmq.POLLOUT if self._outbox else zmq.POLLIN

    def due(self) -> float:
        """When something is to be looked at again, if nothing comes before."""
        waits = self.connected or self._pending
        silent = [self._heard + self._patience.silent] if waits else []
        return min([*(each.due for each in self._pending.values()), *silent], default=float("inf"))

    def ask(
        self,
        call: Call,
        request: Request,
        answered: Answered,
        *,
        now: float,
        within: float | None,
    ) -> None:
        """Ask; ``within`` so many seconds, or as long as it says that it is at it."""

        def decoded(outcome: Outcome | list[bytes]) -> None:
            answered(_answer(outcome) if isinstance(outcome, list) else outcome)

        if self.is_silent(now):
            answered(Silence(reason=f"host {self.peer.host} is not heard"))
            return
        frames = [ASK, msgspec.json.encode(call), codec.encode(request)]
        last = now + (self._patience.answered if within is None else within)
        self._send(frames, decoded, due=min(last, now + self._patience.taken), last=last)
        self.flush()

    def is_silent(self, now: float) -> bool:
        """Whether nothing was heard of the host for long."""
        return now - self._heard > self._patience.silent

    def _send(
        self,
        frames: list[bytes],
        answered: Callable[[Outcome | list[bytes]], None],
        *,
        due: float,
        last: float,
    ) -> None:
        number = next(self._numbers).to_bytes(8, "big")
        self._pending[number] = _Pending(answered, due, last)
        self._outbox.append([number, *frames])

    def flush(self) -> None:
        """Send what can be sent; whoever has given up meanwhile is spared."""
        with suppress(zmq.Again):
            while self._outbox:
                if self._outbox[0][0] in self._pending:
                    self.calls.send_multipart(self._outbox[0], zmq.NOBLOCK)
                self._outbox.popleft()

    def receive(self, now: float) -> None:
        """Take what came back."""
        for frames in _messages(self.calls):
            self._heard = now
            if len(frames) < 2 or frames[0] not in self._pending:
                continue  # too late, or from another version
            number, kind, *rest = frames
            if kind == TAKEN:
                self._pending[number].due = self._pending[number].last
            elif kind == MOVED:
                self._pending.pop(number).answered(Moved())
            elif kind in (ANSWER, EVENTS) and rest:
                self._pending.pop(number).answered(rest)

    def listen(self, now: float) -> None:
        """Take what the host tells."""
        for frames in _messages(self.events):
            try:
                _, mark, body = frames
                self._hear(msgspec.json.decode(mark, type=Mark), body, now)
            except (ValueError, msgspec.DecodeError) as error:
                log.warning("host %s: cannot be understood: %s", self.peer.host, error)

    def _hear(self, mark: Mark, body: bytes, now: float) -> None:
        anew = self._hearing.begins(mark)
        self._notice(now, anew=anew)
        self._pass_on(self._hearing.take(mark, body))
        if self._hearing.overrun:
            self._lost(mark)
        self._ask_for_missed(now)

    def _ask_for_missed(self, now: float) -> None:
        gap = self._hearing.gap
        if gap is not None:
            last = now + 2 * self._patience.taken
            self._send([MISSED, msgspec.json.encode(gap)], self._caught_up, due=last, last=last)
            self.flush()

    def _caught_up(self, outcome: Outcome | list[bytes]) -> None:
        if not isinstance(outcome, list):
            self._hearing.unanswered()
            return
        head, *told = outcome
        if told or msgspec.json.decode(head, type=Mark).epoch == "":
            self._pass_on(self._hearing.fill(_pairs(told)))
        else:
            self._lost(msgspec.json.decode(head, type=Mark))

    def _lost(self, head: Mark) -> None:
        log.warning("host %s: some of its events are lost", self.peer.host)
        self._mind.connected(self.peer.host)
        self._pass_on(self._hearing.lose(head.epoch, head.seq))

    def _pass_on(self, bodies: Iterator[bytes]) -> None:
        for body in bodies:
            if not body:
                continue
            try:
                event = codec.decode_event(body)
            except PblmError as error:
                self._wonder(error)
                continue
            self._mind.hear(event, Origin(host=self.peer.host, epoch=event.epoch, seq=event.seq))

    def _wonder(self, error: PblmError) -> None:
        """Say what a newer release tells, once of each kind: it may tell it every second."""
        if error.message not in self._strange and len(self._strange) < MOST_STRANGE:
            self._strange.add(error.message)
            log.warning("host %s tells what is not known here: %s", self.peer.host, error)

    def _notice(self, now: float, *, anew: bool = False) -> None:
        """It lives. A host that was silent may have been another one meanwhile."""
        self._heard = now
        if anew or not self.connected:
            self.connected = True
            self._mind.connected(self.peer.host)

    def look(self, now: float) -> None:
        """Tell those who have waited long enough, and notice silence."""
        for number in [key for key, each in self._pending.items() if each.due <= now]:
            self._pending.pop(number).answered(self._silence())
        if self.is_silent(now):
            self._give_up()
            if self.connected:
                self.connected = False
                self._mind.disconnected(self.peer.host, "it is not heard")

    def close(self) -> None:
        """The host is one of us no more."""
        self.calls.close()
        self.events.close()
        self._give_up()
        if self.connected:
            self._mind.disconnected(self.peer.host, "it is not among the hosts any more")

    def _give_up(self) -> None:
        pending, self._pending = self._pending, {}
        self._outbox.clear()
        for each in pending.values():
            each.answered(self._silence())

    def _silence(self) -> Silence:
        return Silence(reason=f"host {self.peer.host} does not answer")


def missed(told: list[Told] | None, head: Mark) -> list[bytes]:
    """Return the frames that answer :class:`Beyond`; ``told`` None: not all of it is kept."""
    if told is None:
        return [EVENTS, msgspec.json.encode(head)]
    whole = Mark(epoch="", seq=head.seq)
    marks = [(msgspec.json.encode(mark), body) for mark, body in told]
    return [EVENTS, msgspec.json.encode(whole), *itertools.chain.from_iterable(marks)]


def read_beyond(frame: bytes) -> Beyond:
    """Read what a listener missed; raise :class:`ValueError` when it cannot be understood."""
    return msgspec.json.decode(frame, type=Beyond)


def _pairs(frames: list[bytes]) -> list[Told]:
    marks = [msgspec.json.decode(frame, type=Mark) for frame in frames[::2]]
    return list(zip(marks, frames[1::2], strict=True))


def _answer(frames: list[bytes]) -> Outcome:
    try:
        return codec.decode_answer(frames[0])
    except PblmError as error:
        return Silence(reason=error.message)


def _messages(socket: Any) -> Iterator[list[bytes]]:
    for _ in range(MAX_TURN):
        try:
            yield socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
