"""Listener: one connection, and what waits to be sent over it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from enum import IntEnum

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from api.live.wish import Wish

LONGEST = 5_000
"""Messages that wait for a listener before it is dropped; a burst of a whole fleet is fewer."""
CLOSE_PATIENCE = 2.0
"""Seconds until a listener that does not say goodbye is cut off."""

log = logging.getLogger(__name__)


class Close(IntEnum):
    """Why the server closes a connection, beside 1001: it is stopping."""

    UNAVAILABLE = 1013
    """The manager does not answer; RFC 6455's "try again later"."""
    SPOKEN = 1008
    """The listener has sent something; nothing is taken."""
    SLOW = 4000
    """The listener reads more slowly than things happen."""


class Listener:
    """Sends what it is offered, in order; a bounded number of messages may wait."""

    def __init__(self, connection: ServerConnection, wish: Wish) -> None:
        self.wish = wish
        self._connection = connection
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue()
        self._ending: asyncio.Task[None] | None = None

    def offer(self, texts: list[bytes]) -> None:
        """Have messages sent; a listener for whom too many wait already is dropped."""
        if self._ending is not None:
            return
        if self._waiting.qsize() >= LONGEST:
            reason = f"too slow: {LONGEST} messages wait; come back with epoch and after"
            log.warning("%s: %s", self._connection.remote_address, reason)
            self._ending = asyncio.create_task(self.end(Close.SLOW, reason))
            return
        for text in texts:
            self._waiting.put_nowait(text)

    async def send(self) -> None:
        """Send until the connection is closed."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self._connection.send(await self._waiting.get(), text=True)

    async def until_closed(self) -> None:
        """Return once the connection is closed; a listener that speaks is dropped."""
        with contextlib.suppress(ConnectionClosed):
            async for _ in self._connection:
                await self.end(Close.SPOKEN, "nothing is taken here")

    async def end(self, code: int, reason: str) -> None:
        """Close the connection, whether the other side joins in or not."""
        try:
            async with asyncio.timeout(CLOSE_PATIENCE):
                await self._connection.close(code, reason)
        except TimeoutError:
            self._connection.transport.abort()
