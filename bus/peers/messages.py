"""What goes between hosts, and what comes of a call.

Fields that one side does not know are passed over, so that hosts of two versions understand each
other while one after another is upgraded. A request or an event goes in a frame of its own, as it
is written everywhere else: who does not know it can still read what is around it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import msgspec

from bus.answers import Answer
from bus.events import Event, Origin
from bus.requests import AnyRequest

ASK, MISSED = b"ask", b"missed"
"""What a caller sends behind the number of its call."""
TAKEN, ANSWER, MOVED, EVENTS = b"taken", b"answer", b"moved", b"events"
"""What comes back behind that number."""


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """Another host, as its own entry among the hosts has it."""

    host: str
    bus: str
    """Where it takes calls: a tcp:// endpoint."""
    events: str
    """Where it tells its events: a tcp:// endpoint."""
    curve: str
    """Its public key, in Z85."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """What goes beside a request from host to host."""

    user_id: str = ""
    """Whom it is about; empty: the host itself."""
    epoch: int = 0
    """Of that user's place, as the caller knows it; 0: the user has none."""
    key: str = ""
    """Calls with the same key are one: what they ask is done once. Empty: it does not matter."""
    request_id: str = ""
    """Which call over HTTP it comes from, for the logs."""


class Beyond(msgspec.Struct, frozen=True, kw_only=True):
    """The events of ``epoch`` after number ``after``: what was missed."""

    epoch: str
    after: int


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """Beside each event of a host: where in its story it stands."""

    epoch: str
    seq: int
    numbered: bool = True
    """Else it stands between two, as a heartbeat does."""


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """The host that was asked is not, or not any more, the owner: nothing was done."""


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody answered. It was done, or not."""

    reason: str


Outcome: TypeAlias = Answer | Moved | Silence
Answered: TypeAlias = Callable[[Outcome], None]
PeerReply: TypeAlias = Callable[[Answer | Moved], None]


class Mind:
    """Who is behind the sockets. Called on their thread: nothing here may wait."""

    def serve(self, call: Call, request: AnyRequest, reply: PeerReply) -> None:
        """Answer another host's call, now or later, from any thread."""
        raise NotImplementedError

    def hear(self, event: Event, origin: Origin) -> None:
        """Take an event of another host."""
        raise NotImplementedError

    def connected(self, host: str) -> None:
        """Another host's events are heard without a hole from now on; what was before, is not."""
        raise NotImplementedError

    def disconnected(self, host: str, reason: str) -> None:
        """Another host is silent, or is one of us no more."""
        raise NotImplementedError
