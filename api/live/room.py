"""Room: who listens, and how far the story has come. Lives in one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from api.live.messages import Told, snapshot
from api.live.wish import Wish
from bus.events import Heartbeat
from bus.instance import Instance
from bus.subscriber import Snapshot, Update

KEPT = 5_000
"""Events that are kept for those who come back."""
EVERY = 5
"""Of the bus's heartbeats, one a second, so many make one for the listeners."""


class Ear(Protocol):
    """What the room needs of one who listens."""

    wish: Wish

    def offer(self, texts: list[bytes]) -> None:
        """Take messages, in this order, without waiting."""


class Room:
    """Tells everybody in it what the bus tells, and newcomers what they missed."""

    def __init__(self, fetch: Callable[[], Awaitable[dict[str, Instance]]]) -> None:
        """``fetch`` asks for all instances as they are now."""
        self._fetch = fetch
        self._fetching: asyncio.Future[Snapshot] | None = None
        self._ears: set[Ear] = set()
        self._epoch = ""
        self._seq = 0
        self._past: deque[Told] = deque(maxlen=KEPT)
        self._beat: Heartbeat | None = None
        self._beats = 0

    async def join(self, ear: Ear) -> None:
        """Let ``ear`` in, and tell it what it missed, or everything.

        Raises :class:`bus.errors.Unavailable` when the manager does not answer.
        """
        wish = ear.wish
        texts = None if wish.after is None else self._since(wish, wish.epoch, wish.after)
        while texts is None and self._epoch:  # without one, everybody gets the first snapshot
            now = await self._picture()
            later = self._since(wish, now.epoch, now.seq)
            texts = None if later is None else [*_parts(now, wish), *later]
        self._ears.add(ear)
        if texts is not None:
            ear.offer([*texts, *self._last_beat()])

    def leave(self, ear: Ear) -> None:
        """Tell ``ear`` nothing more."""
        self._ears.discard(ear)

    def hear(self, update: Update) -> None:
        """Tell everybody whom it is for."""
        match update:
            case Snapshot():
                self._begin(update)
            case Heartbeat():
                self._pass_on(update)
            case _:
                self._tell(Told.of(update))

    def _tell(self, told: Told) -> None:
        if not told.is_usage:  # the next one follows anyway
            self._seq = told.seq
            self._past.append(told)
        for ear in [ear for ear in self._ears if ear.wish.wants(told)]:
            ear.offer([told.text])

    def _begin(self, now: Snapshot) -> None:
        self._epoch, self._seq = now.epoch, now.seq
        self._past.clear()
        for ear in list(self._ears):
            ear.offer(_parts(now, ear.wish))

    def _pass_on(self, beat: Heartbeat) -> None:
        self._beat = beat
        self._beats += 1
        if self._beats % EVERY == 0:
            for ear in list(self._ears):
                ear.offer(self._last_beat())

    def _last_beat(self) -> list[bytes]:
        """Return the last heartbeat, written down with the number of the last event."""
        if self._beat is None or self._beat.epoch != self._epoch:
            return []
        return [msgspec.json.encode(msgspec.structs.replace(self._beat, seq=self._seq))]

    def _since(self, wish: Wish, epoch: str, after: int) -> list[bytes] | None:
        """Return what is wished of the events after ``after``; None when not all are kept."""
        oldest = self._past[0].seq if self._past else self._seq + 1
        if epoch != self._epoch or not oldest - 1 <= after <= self._seq:
            return None
        return [told.text for told in self._past if told.seq > after and wish.wants(told)]

    async def _picture(self) -> Snapshot:
        """Return all instances as they are at some moment from now on. Asked once for many.

        What one asks for who comes while it is under way, is right too: each is told all events
        since it began.
        """
        if self._fetching is None:
            self._fetching = asyncio.ensure_future(self._take_picture())
            self._fetching.add_done_callback(self._picture_taken)
        return await asyncio.shield(self._fetching)

    async def _take_picture(self) -> Snapshot:
        epoch, seq = self._epoch, self._seq
        return Snapshot(epoch=epoch, seq=seq, instances=await self._fetch())

    def _picture_taken(self, done: asyncio.Future[Snapshot]) -> None:
        self._fetching = None


def _parts(now: Snapshot, wish: Wish) -> list[bytes]:
    wanted = now.instances
    if wish.user_id is not None:
        wanted = {key: value for key, value in wanted.items() if key == wish.user_id}
    if not wish.usage:
        left_out = msgspec.UNSET
        wanted = {key: msgspec.structs.replace(one, usage=left_out) for key, one in wanted.items()}
    return snapshot(now.epoch, now.seq, wanted)
