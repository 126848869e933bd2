"""What the tests of the live status start from: a real hub, a live server, and listeners."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from api.live.server import LiveServer
from bus.client import BusClient
from bus.hub import Hub
from bus.settings import Settings
from tests.bus.parts import PATIENCE, Mind

Json = dict[str, Any]
BEAT = 0.02
"""Seconds between two heartbeats of the hub: 50 times faster than in the house."""


class Ear:
    """Somebody who listens."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    def hear(self) -> Json:
        """Return the next message."""
        message: Json = msgspec.json.decode(self.connection.recv(PATIENCE))
        return message

    def hear_news(self) -> Json:
        """Return the next message that is no heartbeat."""
        while (message := self.hear())["event"] == "heartbeat":
            pass
        return message

    def hear_out(self) -> tuple[int, str] | None:
        """Hear until the connection ends; return the goodbye, or None when there was none."""
        try:
            while True:
                self.hear()
        except ConnectionClosed as closed:
            goodbye = closed.rcvd
        return None if goodbye is None else (goodbye.code, goodbye.reason)


class Live:
    """A hub whose mind is small, and a live server before it."""

    def __init__(self, settings: Settings, stack: ExitStack) -> None:
        self.mind = Mind()
        self.settings = settings
        self._stack = stack
        self.hub = self.open_hub()
        self._bus = stack.enter_context(BusClient(settings.command_endpoint))
        self.server = LiveServer(self._bus, settings, port=0)
        stack.callback(self.server.close)
        self.server.start()

    def open_hub(self) -> Hub:
        """Open a hub: another life of the bus."""
        hub = Hub(
            command_endpoint=self.settings.command_endpoint,
            event_endpoint=self.settings.event_endpoint,
            heartbeat=BEAT,
        )
        self._stack.callback(hub.close)
        hub.start(self.mind)
        return hub

    def listen(self, query: str = "", **how: Any) -> Ear:
        """Connect, as a program does that sets no ``Origin``."""
        url = f"ws://127.0.0.1:{self.server.port}/ws/status{query}"
        return Ear(self._stack.enter_context(connect(url, close_timeout=0.1, **how)))


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def live(settings: Settings, stack: ExitStack) -> Live:
    settings.run_path.mkdir(parents=True)
    return Live(settings, stack)
