"""Feed: this host's own events as the other hosts get them, numbered, the last of them kept."""

from __future__ import annotations

import uuid
from collections import deque

import msgspec

from bus import codec
from bus.events import Event
from bus.peers.hearing import Told
from bus.peers.messages import Beyond, Mark

KEPT = 10_000
"""Events that are kept for hosts that missed some."""


class Feed:
    """See the module. The hub's numbers would not do: it also tells what others told."""

    def __init__(self, kept: int = KEPT) -> None:
        self._epoch = uuid.uuid4().hex
        self._seq = 0
        self._past: deque[Told] = deque(maxlen=kept)

    def put(self, event: Event) -> list[bytes]:
        """Return the frames that tell ``event``."""
        self._seq += event.numbered
        stamped = msgspec.structs.replace(event, epoch=self._epoch, seq=self._seq)
        mark = Mark(epoch=self._epoch, seq=self._seq, numbered=event.numbered)
        told = (mark, codec.encode(stamped))
        if event.numbered:
            self._past.append(told)
        return [event.topic.encode(), msgspec.json.encode(mark), told[1]]

    def beat(self) -> list[bytes]:
        """Return the frames that show that this host lives, and how far its story is."""
        return [b"beat", msgspec.json.encode(self.head), b""]

    @property
    def head(self) -> Mark:
        """Where the story stands."""
        return Mark(epoch=self._epoch, seq=self._seq, numbered=False)

    def missed(self, beyond: Beyond) -> list[Told] | None:
        """Return what was missed; None when not all of it is kept, or it is of another life."""
        oldest = self._past[0][0].seq if self._past else self._seq + 1
        if beyond.epoch != self._epoch or not oldest - 1 <= beyond.after <= self._seq:
            return None
        return [told for told in self._past if told[0].seq > beyond.after]
